"""Where the test data of other projects lies: CONTROLPLANE_TESTDATA, default ../shared beside the checkout.

A test that needs it skips where it is absent, unless CONTROLPLANE_REQUIRE_TESTDATA=1 makes that a failure.
"""

import os
from pathlib import Path

import pytest

__all__ = ["ROOT", "testdata"]

ROOT = Path(__file__).resolve().parents[1]


def testdata(*parts: str) -> Path:
    """The path of a file or folder of the test data. Skips (or fails) the calling test where it is absent."""
    base = Path(os.environ.get("CONTROLPLANE_TESTDATA", "../shared"))
    path = (ROOT / base).joinpath(*parts)
    if not path.exists():
        if os.environ.get("CONTROLPLANE_REQUIRE_TESTDATA") == "1":
            pytest.fail(f"test data is required and absent: {path}")
        pytest.skip(f"testdata absent: {'/'.join(parts)}")
    return path


testdata.__test__ = False  # type: ignore[attr-defined]  # its name begins as a test's does
