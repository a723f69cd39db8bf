"""What becomes of Works: a pure plan, and a writer that demands a permit."""

from typing import Any

import orjson
import pytest

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, Digest, NamespacedName, TenantName
from controlplane.api.names import cluster_namespace, ground_key, identity, owner_hash, work_name
from controlplane.api.work import ApplicationRef, Artifact, Ground, Identity, Work, WorkSpec
from controlplane.hub.dispatch import Payload, application_spec, ground_spec, plan
from tests.unit.hub.objects import application_body

EAST, WEST = ClusterName("east"), ClusterName("west")
WEB = NamespacedName("tenant-payments", "web")
BOTH = frozenset({EAST, WEST})


def spec(digest: str = "a", **changes: Any) -> WorkSpec:
    account = identity(TenantName("payments"))
    made = WorkSpec(
        hub="hub-1",
        delivery=5,
        type="Application",
        tenant="payments",
        application=ApplicationRef(namespace=WEB.namespace, name=WEB.name),
        owner=owner_hash(WEB),
        identity=Identity(namespace=account.namespace, name=account.name),
        artifact=Artifact(digest=Digest("sha256:" + digest * 64)),
    )
    return made.model_copy(update=changes)


def work(cluster: ClusterName, of: WorkSpec, *, deleted: bool = False, **status: Any) -> Work:
    meta: dict[str, Any] = {"namespace": cluster_namespace(cluster), "name": work_name(WEB)}
    if deleted:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return Work.model_validate({"metadata": meta, "spec": of.wire(), "status": {"hub": of.hub, **status}})


REMOVED = [{"type": "Removed", "status": "True", "reason": "Pruned"}]


@pytest.mark.parametrize(
    ("wanted", "works", "joined", "write", "remove", "release"),
    [
        pytest.param({EAST: spec()}, [], BOTH, [EAST], 0, 0, id="a new cluster gets a Work"),
        pytest.param({EAST: spec()}, [work(EAST, spec())], BOTH, [], 0, 0, id="the same is not written again"),
        pytest.param({EAST: spec("b")}, [work(EAST, spec())], BOTH, [EAST], 0, 0, id="another digest is"),
        pytest.param(
            {EAST: spec(revision="main@sha1:2")}, [work(EAST, spec(revision="main@sha1:1"))], BOTH, [], 0, 0,
            id="another commit with the same content is not",
        ),
        pytest.param(
            {EAST: spec()}, [work(EAST, spec(state="Removed"))], BOTH, [EAST], 0, 0, id="a cluster that comes back"
        ),
        pytest.param({}, [work(EAST, spec())], BOTH, [], 1, 0, id="a cluster that is no longer selected is pruned"),
        pytest.param({}, [work(EAST, spec(state="Removed"))], BOTH, [], 0, 0, id="while it prunes, nothing is done"),
        pytest.param(
            {}, [work(EAST, spec(state="Removed"), delivery=5, conditions=REMOVED)], BOTH, [], 0, 1, id="pruned: let go"
        ),
        pytest.param(
            {}, [work(EAST, spec(state="Removed"), delivery=4, conditions=REMOVED)], BOTH, [], 0, 0,
            id="an older report of having pruned does not count",
        ),
        pytest.param({}, [work(EAST, spec())], frozenset({WEST}), [], 0, 1, id="nobody is there to prune: let go"),
        pytest.param(
            {EAST: spec()}, [work(EAST, spec(), deleted=True)], BOTH, [], 0, 1, id="deleted by hand: released, then new"
        ),
        pytest.param(
            {EAST: spec()}, [work(EAST, spec(), delivery=9)], BOTH, [EAST], 0, 0, id="a hub that was restored overtakes"
        ),
        pytest.param({}, [work(EAST, spec(suspended=True))], BOTH, [], 1, 0, id="a suspended Work is pruned when removed"),
    ],
)  # fmt: skip
def test_plan(
    wanted: dict[ClusterName, WorkSpec], works: list[Work], joined: frozenset[ClusterName],
    write: list[ClusterName], remove: int, release: int,
) -> None:  # fmt: skip
    step = plan(wanted, works, joined)
    assert (list(step.write), len(step.remove), len(step.release)) == (write, remove, release)
    assert step.empty == (not write and not remove and not release)


def test_a_tenants_ground_has_a_work_of_its_own_name() -> None:
    tenant = TenantName("payments")
    made = ground_spec(tenant, ground_key(tenant), Ground(), "hub-1")
    assert made.owner == owner_hash(ground_key(tenant)) != owner_hash(WEB)
    assert work_name(ground_key(tenant)).startswith("ground-payments-")


def test_a_work_brings_rules_of_health_and_what_its_cluster_gives_and_stays_small() -> None:
    rule = {"group": "example.com", "kind": "Widget", "healthy": 'status.state == "Ready"', "message": "status.message"}
    body = application_body("web", source={"repository": "team"}, placement={"namespace": "payments"}, health=[rule])
    payload = Payload(Digest("sha256:" + "a" * 64), 100, 3)
    made = application_spec(
        Application.model_validate(body), TenantName("payments"), payload, "main@sha1:" + "a" * 40, "hub-1",
        ("LoadBalancer",),
    )  # fmt: skip
    assert made.wire()["options"]["provides"] == ["LoadBalancer"]
    assert [each.wire() for each in made.health] == [{**rule, "progressing": "", "degraded": ""}]
    assert len(orjson.dumps(made.wire())) < 2048
    plain = made.model_copy(update={"health": ()})
    assert list(plan({EAST: made}, [work(EAST, plain)], BOTH).write) == [EAST], "other rules are a delivery"


@pytest.mark.parametrize(("timeout", "seconds"), [("10m", 600), ("0s", 0), ("1500ms", 2), ("1h30m", 5400)])
def test_the_time_for_health_goes_to_the_agent_in_whole_seconds(timeout: str, seconds: int) -> None:
    application = Application.model_validate(
        {
            "metadata": {"namespace": WEB.namespace, "name": WEB.name},
            "spec": {"source": {"repository": "team"}, "sync": {"healthTimeout": timeout}},
        }
    )
    made = application_spec(
        application, TenantName("payments"), Payload(Digest("sha256:" + "a" * 64), 1, 1), "main", "hub-1"
    )
    assert made.options.health_timeout_s == seconds
