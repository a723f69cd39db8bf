"""A step that does not hold says what was expected, what was found, and where to read on."""

from pathlib import Path

import pytest

import hack.steps
from hack.demo import StepFailed, failure, play
from hack.environment import Environment
from hack.errors import HackError
from hack.scene import Scene
from hack.sight import NotSeen


def test_a_failure_says_all_that_a_person_needs() -> None:
    not_seen = NotSeen("on east, within 9 s: it is healed", ["Deployment s/shop: 5", "Deployment s/cart: 1"])
    text = failure("It is healed", [not_seen, not_seen, HackError("git push failed")], ["Tenant t is not Ready: Why: m"],
                   [Path("/logs/hub.log")], "make down")  # fmt: skip
    assert text.splitlines() == [
        "this step did not hold: It is healed",
        "  expected    on east, within 9 s: it is healed",
        "  found       Deployment s/shop: 5",
        "  found       Deployment s/cart: 1",
        "  git push failed",
        "  on the hub  Tenant t is not Ready: Why: m",
        "  log         /logs/hub.log",
        "The system is left running, so that you can look at it. To end it: make down",
    ]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """An environment with clusters that nobody can reach, and no act but the first."""
    environment = Environment.create(tmp_path / "state")
    environment.record.facts |= {"git": {"url": "http://git", "repositories": {}}}
    for name in ("hub", "east"):
        environment.use_cluster(name, Path(__file__))

    async def nothing(scene: Scene) -> list[str]:
        return []

    monkeypatch.setattr(Scene, "not_ready", nothing)
    return environment


async def test_what_several_watches_miss_is_one_failure(stage: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    async def begin(scene: Scene) -> None:
        raise ExceptionGroup("", [NotSeen("a", ["b"]), ExceptionGroup("", [NotSeen("c", ["d"])])])

    monkeypatch.setattr(hack.steps, "begin", begin)
    with pytest.raises(StepFailed, match="(?s)did not hold.*expected    a.*found       d.*hack down"):
        await play(stage, running=True)


async def test_a_fault_of_the_demo_itself_is_not_called_a_step_that_did_not_hold(
    stage: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begin(scene: Scene) -> None:
        raise ExceptionGroup("", [NotSeen("a", ["b"]), KeyError("c")])

    monkeypatch.setattr(hack.steps, "begin", begin)
    with pytest.raises(ExceptionGroup):
        await play(stage, running=True)
