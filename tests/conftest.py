"""What holds for all tests."""

from tests.sharing import pytest_xdist_make_scheduler

__all__ = ["pytest_xdist_make_scheduler"]
