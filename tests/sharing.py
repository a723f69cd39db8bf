"""How two processes share a run: one has the environment that most behaviour tests share, the other all that needs none of it.

The first mostly waits, for what clusters do; the second computes. Tests that bring up an environment of their own, those that
deploy real repositories, and the attacks are the second's, after one another. (Groups of pytest-xdist's own are not read by
this pytest: hence a scheduler.)
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

__all__ = ["pytest_xdist_make_scheduler"]

_ENVIRONMENT = "tests/behaviour/"
_APART = (
    "tests/behaviour/test_policies.py", "tests/behaviour/test_hub_replay.py", "tests/behaviour/test_real_",
    "tests/behaviour/test_tenants_replay.py", "tests/isolation/",
)  # fmt: skip


class _Sharing(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no type information
    """Whole groups go to one process: the largest, which is the environment's, first."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(_APART):
            return "apart"
        return "environment" if file.startswith(_ENVIRONMENT) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """For `-n 2`; without it a run is one process, as ever."""
    return _Sharing(config, log)
