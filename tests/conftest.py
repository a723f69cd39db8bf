"""The one environment of all tests that drive the real thing (tests/behaviour, tests/isolation), and a team for each in it.

Hub, east, west, Git server and agents start with the first test that asks, in `.local/test…`, and end with the run, whatever
happened; what a run that was killed left behind is ended first. A running `make up` is not touched. Tests share the
environment and nothing in it: each has tenants of its own, so they can run alone and in any order.

While tests are written, they can use an environment that stays up: `python -m tests.behaviour.system FOLDER` brings it up,
CONTROLPLANE_TEST_ENVIRONMENT=FOLDER names it, `python -m hack down --state FOLDER` ends it.
"""

import itertools
import os
import secrets
import signal
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

import pytest

from hack.environment import Environment
from hack.record import locked
from tests.behaviour.system import MEMBERS, System
from tests.behaviour.team import Team, Teams
from tests.sharing import pytest_xdist_make_scheduler
from tests.testdata import ROOT

__all__ = ["pytest_xdist_make_scheduler"]

REAL = tuple(ROOT / "tests" / folder for folder in ("behaviour", "isolation"))

_RUN = secrets.token_hex(2)  # an environment that stays up has seen the names of other runs
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in these folders drives the real thing."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in REAL):
            item.add_marker(pytest.mark.behaviour)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know at their end whether the test failed."""
    report = yield
    if call.when == "call":
        item.stash[_failed] = report.failed
    return report


_failed = pytest.StashKey[bool]()


def _state(name: str) -> Path:
    """A folder of this process: where two share a run (tests/sharing.py), neither is in the other's way."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return ROOT / ".local" / (f"{name}-{worker}" if worker else name)


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    """The environment. SIGTERM ends the run as Ctrl-C does, so that it ends what it started."""
    if given := os.environ.get("CONTROLPLANE_TEST_ENVIRONMENT"):
        async with System.joined(Environment.load(Path(given))) as up:
            yield up
        return
    state = _state("test")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with locked(state):
            async with System.up(state) as up:
                yield up
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
async def spare() -> AsyncIterator[System]:
    """A second system, with one member `south`, for what would disturb all others; a test leaves it as it found it: joined."""
    state = _state("test-spare")
    with locked(state):
        async with System.spare(state) as up:
            yield up


@pytest.fixture
async def teams(system: System, request: pytest.FixtureRequest) -> AsyncIterator[Teams]:
    """Makes teams: `await teams(clusters=["east"], **spec of the Tenant)`. They are let go after the test."""
    made: list[Team] = []
    marks = system.marks()
    stem = request.path.stem.removeprefix("test_").replace("_", "-")

    async def make(
        clusters: tuple[str, ...] = MEMBERS, *, onboard: bool = True, of: System = system, **spec: Any
    ) -> Team:
        team = Team(of, f"{stem}-{_RUN}-{next(_numbers)}", clusters)
        made.append(team)
        if onboard:
            await team.onboard(**spec)
        return team

    yield make
    if request.node.stash.get(_failed, False):
        for team in made:
            print(await team.system.explain(team.name, marks))  # noqa: T201  pytest shows it with the failure
    for team in made:
        await team.hub.kubectl("delete", "--ignore-not-found", "--wait=false", f"tenant/{team.name}")


@pytest.fixture
async def team(teams: Teams) -> Team:
    """A team with both clusters."""
    return await teams()


@pytest.fixture
async def east_team(teams: Teams) -> Team:
    """A team with one cluster, for what does not need two."""
    return await teams(clusters=("east",))
