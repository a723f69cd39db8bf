"""The one writer of statuses: only what changed, and not too often."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from controlplane.agent.report import Reporter
from controlplane.api.model import Condition
from controlplane.api.work import WorkStatus
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound, Unreachable

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


class Hub:
    def __init__(self) -> None:
        self.written: list[tuple[str, dict[str, Any]]] = []
        self.failures: list[Exception] = []
        self.changed = asyncio.Event()

    async def patch(self, _: object, name: str, patch: dict[str, Any], namespace: str, **more: Any) -> dict[str, Any]:
        assert (namespace, more["subresource"]) == ("cluster-east", "status")
        self.changed.set()
        if self.failures:
            raise self.failures.pop(0)
        self.written.append((name, patch["status"]))
        return {}

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.changed.wait()
                self.changed.clear()
                await asyncio.sleep(0)


class Truth:
    """What is true of each Work; read counts the looks."""

    def __init__(self, **deliveries: int) -> None:
        self.deliveries = deliveries
        self.looks = 0

    def compose(self, name: str, before: WorkStatus) -> WorkStatus | None:
        self.looks += 1
        if name not in self.deliveries:
            return None
        condition = Condition(type="Ready", status="True", reason="Ready")
        return WorkStatus(delivery=self.deliveries[name], conditions=(condition,))


@asynccontextmanager
async def reporting(truth: Truth) -> AsyncIterator[tuple[Reporter, Hub]]:
    hub = Hub()
    reporter = Reporter(
        cast(Client, hub), "cluster-east", truth.compose, clock=asyncio.get_running_loop(), utc=lambda: NOW
    )
    task = asyncio.create_task(reporter.run())
    try:
        yield reporter, hub
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_a_change_is_written_with_its_time() -> None:
    async with reporting(Truth(web=1)) as (reporter, hub):
        reporter.changed("web")
        await hub.until(lambda: len(hub.written) == 1)
    name, status = hub.written[0]
    assert (name, status["delivery"]) == ("web", 1)
    assert status["conditions"][0]["lastTransitionTime"] == "2026-11-23T10:00:00Z"


async def test_what_the_hub_has_already_is_not_written() -> None:
    async with reporting(Truth(web=1)) as (reporter, hub):
        reporter.changed("web")
        await hub.until(lambda: len(hub.written) == 1)
    truth = Truth(web=1, api=1)
    async with reporting(truth) as (again, hub_again):
        again.known("web", hub.written[0][1])
        again.changed("web")
        again.changed("api")
        await hub_again.until(lambda: len(hub_again.written) == 1)
        assert truth.looks == 2
    assert [name for name, _ in hub_again.written] == ["api"]


async def test_many_changes_are_few_writes() -> None:
    truth = Truth(web=0)
    async with reporting(truth) as (reporter, hub):
        for n in range(50):
            truth.deliveries["web"] = n
            reporter.changed("web")
            await asyncio.sleep(0)
        await hub.until(lambda: any(s["delivery"] == 49 for _, s in hub.written))
    assert len(hub.written) <= 3


async def test_a_hub_that_is_down_is_tried_again() -> None:
    async with reporting(Truth(web=1)) as (reporter, hub):
        hub.failures = [Unreachable("no answer")]
        reporter.changed("web")
        await hub.until(lambda: len(hub.written) == 1)
        assert reporter.written == 1


async def test_a_work_that_is_gone_is_forgotten() -> None:
    async with reporting(Truth(web=1)) as (reporter, hub):
        hub.failures = [NotFound(404, "NotFound", "gone", {"name": "web"})]
        reporter.changed("web")
        await hub.until(lambda: not hub.failures)
        reporter.forget("web")
        assert reporter.last("web") == WorkStatus()


async def test_where_there_is_nothing_to_say_nothing_is_written() -> None:
    truth = Truth(api=1)
    async with reporting(truth) as (reporter, hub):
        reporter.changed("web")
        reporter.changed("api")
        await hub.until(lambda: len(hub.written) == 1)
        assert truth.looks == 2


async def test_a_status_that_cannot_be_read_is_written_anew() -> None:
    async with reporting(Truth(web=1)) as (reporter, hub):
        reporter.known("web", {"delivery": "odd"})
        assert reporter.last("web") == WorkStatus()
        reporter.changed("web")
        await hub.until(lambda: len(hub.written) == 1)
