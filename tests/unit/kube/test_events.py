"""Events for people: bounded, said once, never in anybody's way."""

from typing import Any

import orjson

from controlplane.kube.events import EventRecorder
from tests.unit.kube.fake_api import api_and_client, reply

WORK: dict[str, Any] = {
    "apiVersion": "controlplane.dev/v1alpha1", "kind": "Work",
    "metadata": {"name": "web-1", "namespace": "cluster-east", "uid": "u", "resourceVersion": "7"},
}  # fmt: skip


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_event_names_object_component_and_reason() -> None:
    async with api_and_client(reply({})) as (api, client):
        recorder = EventRecorder(client, "controlplane.dev/agent", "east-1")
        assert await recorder.record(WORK, "Denied", "é" * 1000, kind="Warning", action="Apply")
    (seen,) = api.seen
    body = orjson.loads(seen.body)
    assert seen.path == "/apis/events.k8s.io/v1/namespaces/cluster-east/events"
    assert body["metadata"].pop("name").startswith("web-1.")
    assert body["eventTime"].endswith("Z")
    assert len(body["note"].encode()) == 1024
    assert (body["type"], body["reason"], body["action"]) == ("Warning", "Denied", "Apply")
    assert (body["reportingController"], body["reportingInstance"]) == ("controlplane.dev/agent", "east-1")
    assert body["regarding"] == {
        "apiVersion": "controlplane.dev/v1alpha1", "kind": "Work", "name": "web-1", "namespace": "cluster-east",
        "uid": "u", "resourceVersion": "7",
    }  # fmt: skip


async def test_about_a_cluster_scoped_object_it_stands_in_default_under_a_valid_name() -> None:
    body = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:Node_x"}}
    async with api_and_client(reply({})) as (api, client):
        await EventRecorder(client, "c", "i").record(body, "R", "m")
    assert api.seen[0].path.endswith("/namespaces/default/events")
    assert orjson.loads(api.seen[0].body)["metadata"]["name"].startswith("system-node-x.")


async def test_the_same_words_are_said_once_in_a_while() -> None:
    clock = Clock()
    async with api_and_client(*[reply({})] * 3) as (api, client):
        recorder = EventRecorder(client, "c", "i", quiet_s=600, clock=clock)
        said = [await recorder.record(WORK, "R", m) for m in ("one", "one", "two")]
        clock.now += 600
        said.append(await recorder.record(WORK, "R", "one"))
    assert said == [True, False, True, True]
    assert (recorder.written, recorder.suppressed, len(api.seen)) == (3, 1, 3)


async def test_there_is_a_bound_on_how_many_and_a_refusal_hurts_nobody() -> None:
    clock = Clock()
    refused = reply({"kind": "Status", "code": 403, "reason": "Forbidden"}, 403)
    async with api_and_client(reply({}), refused, reply({})) as (_, client):
        recorder = EventRecorder(client, "c", "i", burst=2, per_s=1, clock=clock)
        said = [await recorder.record(WORK, "R", str(n)) for n in range(4)]
        clock.now += 1
        said.append(await recorder.record(WORK, "R", "later"))
    assert said == [True, False, False, False, True]
    assert (recorder.written, recorder.dropped) == (2, 3)
