"""Queues, requests and watches are counted under their names."""

import asyncio

from controlplane.kube.connection import Answered
from controlplane.kube.errors import Gone
from controlplane.kube.metrics import answered, measured_queue, restarted
from controlplane.kube.queue import Done
from controlplane.kube.resource import CONFIGMAPS
from controlplane.telemetry.metrics import exposition


def read() -> dict[str, float]:
    lines = [line.rpartition(" ") for line in exposition().decode().splitlines() if not line.startswith("#")]
    return {series: float(number) for series, _, number in lines}


async def test_a_queue_tells_its_size_and_its_reconciles() -> None:
    done: list[Done[str]] = []
    queue = measured_queue("test-works", on_done=done.append)
    queue.add("a")
    queue.add("b")
    queue.add_after("c", 1000)
    assert read()['controlplane_queue_keys{queue="test-works",state="ready"}'] == 2
    assert read()['controlplane_queue_keys{queue="test-works",state="scheduled"}'] == 1

    async def handle(key: str) -> None:
        if len(done) == 1:
            queue.close()
        if key == "b":
            raise ValueError(key)

    await asyncio.wait_for(queue.run(handle, workers=1), 5)
    found = read()
    assert [each.key for each in done] == ["a", "b"]
    assert found['controlplane_reconciles_total{outcome="ok",queue="test-works"}'] == 1
    assert found['controlplane_reconciles_total{outcome="failed",queue="test-works"}'] == 1
    assert found['controlplane_reconcile_duration_seconds_count{queue="test-works"}'] == 2
    assert found['controlplane_reconcile_wait_seconds_count{queue="test-works"}'] == 2


def test_requests_are_counted_by_code_and_watches_by_what_ended_them() -> None:
    answered("test-hub")(Answered("PATCH", CONFIGMAPS, 200, 0.1))
    answered("test-hub")(Answered("PATCH", CONFIGMAPS, 0, 0.1))
    restarted("test-hub")(CONFIGMAPS, None)
    restarted("test-hub")(CONFIGMAPS, Gone(410, "anything that a server says", "old"))
    found = read()
    assert found['controlplane_api_requests_total{code="200",method="PATCH",server="test-hub"}'] == 1
    assert found['controlplane_api_requests_total{code="0",method="PATCH",server="test-hub"}'] == 1
    assert found['controlplane_watch_restarts_total{kind="ConfigMap",reason="ended",server="test-hub"}'] == 1
    assert found['controlplane_watch_restarts_total{kind="ConfigMap",reason="Gone",server="test-hub"}'] == 1
