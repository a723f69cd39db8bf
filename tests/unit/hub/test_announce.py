"""What is told by an Event: a contest's beginning and end, and not each heal."""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from controlplane.api.application import Application, ApplicationStatus
from controlplane.hub.announce import Announcer
from controlplane.kube.events import EventRecorder

WEB = Application.model_validate(
    {"metadata": {"name": "web", "namespace": "tenant-a", "uid": "u"}, "spec": {"source": {"repository": "team"}}}
)
CONTESTED = {
    "reason": "Contested",
    "cluster": "east",
    "object": "Deployment.apps shop/web",
    "message": "evil writes it",
}
MUTATED = {**CONTESTED, "reason": "Mutated", "message": "admission changed spec.x"}


class Recorder:
    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []

    async def record(self, regarding: Any, reason: str, message: str, *, kind: str) -> bool:
        self.said.append((reason, message, kind))
        return True


def status(*problems: dict[str, Any], ready: str = "Ready", reconciling: bool = False) -> ApplicationStatus:
    conditions = [{"type": "Ready", "status": "True", "reason": ready}]
    if reconciling:
        conditions.append({"type": "Reconciling", "status": "True", "reason": "Progressing"})
    return ApplicationStatus.model_validate({"conditions": conditions, "problems": problems})


async def told(
    announcer: Announcer, recorder: Recorder, *statuses: ApplicationStatus
) -> Iterable[tuple[str, str, str]]:
    """What is said while an Application goes through these statuses."""
    for before, after in zip(statuses, statuses[1:], strict=False):
        announcer.changed(WEB, before, after)
    writing = asyncio.create_task(announcer.run())
    for _ in range(20):  # turns of the loop: more than it has to say
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait((writing,))
    said, recorder.said = recorder.said, []
    return said


def made() -> tuple[Announcer, Recorder]:
    recorder = Recorder()
    return Announcer(cast(EventRecorder, recorder)), recorder


BEGUN = ("Contested", "Deployment.apps shop/web on east: evil writes it", "Warning")
ENDED = ("ContestEnded", "Deployment.apps shop/web on east: nobody else writes it any more", "Normal")


async def test_a_contest_is_told_when_it_begins_and_when_it_ends() -> None:
    on = status(CONTESTED)
    assert await told(*made(), status(), on, on, on, status(), status()) == [BEGUN, ENDED]


async def test_a_contest_that_is_the_reason_of_ready_is_not_told_twice() -> None:
    on = status(CONTESTED, ready="Contested")
    assert await told(*made(), status(), on, on) == [BEGUN]


async def test_a_delivery_under_way_ends_no_contest() -> None:
    on = status(CONTESTED)
    assert await told(*made(), status(), on, status(reconciling=True), on, status()) == [BEGUN, ENDED]


async def test_a_list_of_problems_that_is_full_tells_no_end() -> None:
    full = status(*[{"reason": "Degraded", "object": f"Pod shop/{n}"} for n in range(10)])
    assert await told(*made(), status(CONTESTED), full, status(CONTESTED), status()) == [ENDED]


async def test_a_hub_that_was_started_again_knows_what_it_had_told() -> None:
    announcer, recorder = made()
    assert await told(announcer, recorder, status(CONTESTED), status(CONTESTED)) == []
    assert await told(announcer, recorder, status(CONTESTED), status()) == [ENDED]


async def test_a_mutation_is_told_once() -> None:
    said = await told(*made(), status(), status(MUTATED), status(MUTATED), status())
    assert [reason for reason, _, _ in said] == ["Mutated"]


async def test_nothing_is_remembered_of_applications_without_trouble() -> None:
    announcer, recorder = made()
    await told(announcer, recorder, status(), status(CONTESTED), status())
    assert announcer._open == {}


async def test_another_reason_of_ready_is_told_unless_it_is_on_its_way() -> None:
    said = await told(*made(), status(), status(ready="A"), status(ready="B", reconciling=True), status(ready="C"))
    assert [reason for reason, _, _ in said] == ["A", "C"]
