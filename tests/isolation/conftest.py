"""The isolation suite: one attacker, one victim, and a table of what stopped each attack.

Walls are tried one by one in test_walls.py, in an environment of its own; everything else runs in the environment that all
tests share.
"""

from collections.abc import AsyncIterator, Generator

import pytest

from tests.behaviour.system import System
from tests.behaviour.team import Team
from tests.isolation.attack import MALLORY, VICTORIA, Stopped, Wall
from tests.isolation.field import Field
from tests.isolation.ledger import Ledger, Line

_LEDGER = pytest.StashKey[Ledger]()
_LINES = pytest.StashKey[list[Line]]()


@pytest.fixture(scope="package")
async def field(system: System) -> AsyncIterator[Field]:
    """Attacker and victim, on the cluster east. They are gone again when the suite has ended."""
    field = Field(system, Team(system, MALLORY, ("east",)), Team(system, VICTORIA, ("east",)))
    await field.begin()
    yield field
    names = (MALLORY, VICTORIA)
    await system.hub.kubectl("delete", "--ignore-not-found", "--wait=false", *(f"tenant/{name}" for name in names))
    for name in names:
        await system.hub.gone("Tenant", name, within_s=240.0)


@pytest.fixture(scope="module")
async def mounted(field: Field, request: pytest.FixtureRequest) -> AsyncIterator[Field]:
    """The field, with the attacks by Git of the module (its FAMILY and GIT_ATTACKS, where it has any) mounted.

    When the family is through, there is no object on any cluster that was not there before, but for the attacker's own.
    """
    clusters = (field.hub, *field.system.members.values())
    before = {cluster.name: await cluster.everything() for cluster in clusters}
    if attacks := getattr(request.module, "GIT_ATTACKS", ()):
        await field.mount(request.module.FAMILY, attacks)
    yield field
    for cluster in clusters:
        new = {each for each in await cluster.everything() - before[cluster.name] if not _is_attackers_own(each)}
        assert new == set(), f"new on {cluster.name}"


def _is_attackers_own(name: str) -> bool:
    """name: `group/Kind namespace/name`. The inventories of agents and roots hold its names as well."""
    kind, _, key = name.partition(" ")
    namespace, _, name = key.partition("/")
    if namespace in (MALLORY, f"tenant-{MALLORY}"):
        return True
    if namespace == "controlplane-system":
        return kind in ("/Secret", "/ConfigMap") and name.startswith(("controlplane-inventory-", "children-"))
    if kind == "networking.k8s.io/IPAddress":  # what the cluster notes of each Service
        return True
    return namespace == "cluster-east" and kind == "controlplane.dev/Work"


@pytest.fixture
def stopped(request: pytest.FixtureRequest) -> Stopped:
    """Notes which wall stopped an attack, for the table."""
    lines: list[Line] = request.node.stash.setdefault(_LINES, [])

    def note(attack: str, wall: Wall, reason: str) -> None:
        lines.append(Line(request.module.FAMILY, attack, wall, f"stopped: {reason}"))

    return note


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what came of each attack into the table."""
    report = yield
    family = getattr(getattr(item, "module", None), "FAMILY", None)
    if family is None or (call.when != "call" and report.passed):
        return report
    ledger = item.config.stash.setdefault(_LEDGER, Ledger())
    if report.passed:
        noted: list[Line] = item.stash[_LINES] if _LINES in item.stash else []
        ledger.lines += noted
    else:
        attack = item.callspec.id if hasattr(item, "callspec") else item.name.removeprefix("test_").replace("_", " ")
        ledger.lines.append(Line(family, attack, "", _result(report)))
    return report


def _result(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return f"NOT STOPPED: {report.wasxfail}"
    if report.skipped:
        return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "not tried"
    return "FAILED"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, where the suite ran by itself: among all other tests nobody would read it."""
    ledger = config.stash.get(_LEDGER, None)
    alone = all("isolation" in each for each in config.args)
    if ledger is None or not alone:
        return
    terminalreporter.section("isolation: attack, wall that stopped it, result")
    for line in ledger.table(terminalreporter._tw.fullwidth):
        terminalreporter.line(line)
