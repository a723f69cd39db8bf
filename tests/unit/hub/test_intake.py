"""Which change wakes whom: everybody whom it touches, and nobody else; our own status writes wake nobody."""

from typing import Any, cast

import pytest

from controlplane.api.keys import NamespacedName, ObjectKey
from controlplane.hub.children import Children
from controlplane.hub.intake import Intake, Queues, _into
from controlplane.hub.policies import Policies
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.watch import Event
from tests.unit.hub.objects import application_body, work_body

WEB = NamespacedName("tenant-payments", "web")
ROOT = NamespacedName("tenant-payments", "root")


class Keys:
    """A queue that only remembers what was added."""

    def __init__(self) -> None:
        self.added: set[NamespacedName] = set()

    def add(self, key: NamespacedName) -> None:
        self.added.add(key)

    def add_after(self, key: NamespacedName, _: float) -> None:
        self.added.add(key)


class Parents:
    """The inventory of one root, with one child."""

    def parent(self, child: ObjectKey) -> NamespacedName | None:
        return ROOT if child.name == "web" else None

    def of(self, root: NamespacedName) -> dict[ObjectKey, str]:
        return {}


class Woken:
    """A World with its intake, and what it woke since the last look."""

    def __init__(self) -> None:
        self.world = World()
        self._queues = {name: Keys() for name in ("repositories", "applications", "tenants", "clusters")}
        queues = Queues(**cast(Any, self._queues))
        self.policies = Policies()
        self.intake = Intake(cast(Client, None), self.world, queues, cast(Children, Parents()), self.policies)

    def since(self) -> dict[str, set[str]]:
        found = {name: {str(key) for key in keys.added} for name, keys in self._queues.items() if keys.added}
        for keys in self._queues.values():
            keys.added.clear()
        return found


@pytest.fixture
def woken() -> Woken:
    return Woken()


def tenant(name: str = "payments", version: int = 1, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}, "spec": spec}


def cluster(labels: dict[str, str], version: int = 1, ready: str = "True") -> dict[str, Any]:
    status = {"conditions": [{"type": "Ready", "status": ready, "reason": "x"}]}
    return {"metadata": {"name": "east", "labels": labels, "resourceVersion": str(version)}, "status": status}


def test_a_new_application_is_looked_at_and_its_tenant_counts_again(woken: Woken) -> None:
    woken.world.applications.put(application_body())
    assert woken.since() == {"applications": {"tenant-payments/web", "tenant-payments/root"}, "tenants": {"payments"}}


def test_our_own_status_wakes_nobody_but_those_who_ask_for_readiness(woken: Woken) -> None:
    world = woken.world
    world.applications.put(application_body())
    world.applications.put(application_body("api", dependsOn=[{"name": "web"}]))
    woken.since()
    body = application_body(version=2)
    body["status"]["revision"] = "main@sha1:2"
    world.applications.put(body)
    assert woken.since() == {}, "a revision is nobody's business"
    world.applications.put(application_body(version=3, ready="True"))
    assert woken.since() == {"applications": {"tenant-payments/root", "tenant-payments/api"}}


def test_a_status_that_is_of_a_newer_spec_is_news_to_those_who_ask_for_readiness(woken: Woken) -> None:
    world = woken.world
    world.applications.put(application_body(ready="True"))
    world.applications.put(application_body("api", dependsOn=[{"name": "web"}]))
    changed = application_body(version=2, ready="True", historyLimit=7)
    changed["metadata"]["generation"] = 2
    world.applications.put(changed)
    woken.since()
    seen = application_body(version=3, ready="True", historyLimit=7)
    seen["metadata"]["generation"] = seen["status"]["conditions"][0]["observedGeneration"] = 2
    world.applications.put(seen)
    assert woken.since() == {"applications": {"tenant-payments/root", "tenant-payments/api"}}


def test_a_changed_spec_label_or_annotation_is_looked_at(woken: Woken) -> None:
    woken.world.applications.put(application_body())
    woken.since()
    woken.world.applications.put(application_body(version=2, labels={"a": "b"}))
    assert woken.since() == {"applications": {"tenant-payments/web"}}


def test_a_report_wakes_the_work_s_application_or_the_ground_s_tenant(woken: Woken) -> None:
    woken.world.works.put(work_body())
    assert woken.since() == {"applications": {"tenant-payments/web"}}
    woken.world.works.put(work_body(version=2, status={"delivery": 5}))
    assert woken.since() == {"applications": {"tenant-payments/web"}}
    ground = NamespacedName("tenant-payments", "ground:payments")
    woken.world.works.put(work_body(of=ground))
    assert woken.since() == {"tenants": {"payments"}}


def test_a_relabelled_cluster_wakes_every_application_and_tenant(woken: Woken) -> None:
    woken.world.tenants.put(tenant())
    woken.world.applications.put(application_body())
    woken.world.clusters.put(cluster({}))
    woken.since()
    woken.world.clusters.put(cluster({}, version=2))
    assert woken.since() == {}, "nothing changed"
    woken.world.clusters.put(cluster({"env": "prod"}, version=3))
    assert woken.since() == {"applications": {"tenant-payments/web"}, "tenants": {"payments"}, "clusters": {"east"}}


def test_a_cluster_that_goes_offline_wakes_those_who_have_something_there(woken: Woken) -> None:
    woken.world.clusters.put(cluster({}))
    woken.world.works.put(work_body())
    woken.world.applications.put(application_body("elsewhere"))
    woken.since()
    woken.world.clusters.put(cluster({}, version=2, ready="False"))
    assert woken.since() == {"applications": {"tenant-payments/web"}}


def test_a_changed_tenant_changes_the_policy_before_anybody_is_woken(woken: Woken) -> None:
    woken.world.applications.put(application_body())
    woken.world.tenants.put(tenant(sources=[{"url": "https://a/**"}]))
    before = woken.policies.current
    woken.since()
    woken.world.tenants.put(tenant(version=2, sources=[{"url": "https://b/**"}]))
    assert woken.policies.current is not before
    assert woken.since() == {"applications": {"tenant-payments/web"}, "tenants": {"payments"}}


def test_readers_are_those_of_the_namespace_or_for_the_platform_s_everybody_who_names_it(woken: Woken) -> None:
    for namespace in ("tenant-a", "tenant-b", "controlplane-system"):
        woken.world.applications.put(application_body("x", namespace))
    woken.since()
    repository = {"metadata": {"name": "team", "namespace": "tenant-a"}, "spec": {"url": "https://a/b"}}
    woken.world.repositories.put(repository)
    assert woken.since() == {"repositories": {"tenant-a/team"}, "applications": {"tenant-a/x"}}
    repository["metadata"] = {"name": "team", "namespace": "controlplane-system"}
    woken.world.repositories.put(repository)
    assert woken.since()["applications"] == {"tenant-a/x", "tenant-b/x", "controlplane-system/x"}


def test_readers_of_whom_it_is_known_to_be_of_no_use_are_left_alone(woken: Woken) -> None:
    for name in ("x", "y"):
        woken.world.applications.put(application_body(name, "tenant-a"))
    woken.since()
    woken.intake.wake_readers(NamespacedName("tenant-a", "team"), lambda key: key.name == "x")
    assert woken.since() == {"applications": {"tenant-a/y"}}


def repository(version: int, ready: str, **annotations: str) -> dict[str, Any]:
    meta = {
        "namespace": "tenant-payments", "name": "web", "resourceVersion": str(version), "uid": "r", "annotations": annotations,
    }  # fmt: skip
    status = {"conditions": [{"type": "Ready", "status": ready, "reason": "x"}]}
    return {"metadata": meta, "spec": {"url": "https://git.example.com/a.git"}, "status": status}


@pytest.mark.parametrize("annotations", [{}, {"controlplane.dev/wave": "-1"}])
def test_a_root_is_woken_by_a_ready_repository_only_where_it_stands_in_a_wave(
    woken: Woken, annotations: dict[str, str]
) -> None:
    woken.world.repositories.put(repository(1, "False", **annotations))
    woken.since()
    woken.world.repositories.put(repository(2, "True", **annotations))
    assert woken.since() == ({"applications": {"tenant-payments/root"}} if annotations else {})
    woken.world.repositories.put(repository(3, "True", **annotations))
    assert woken.since() == {}


def test_an_object_that_cannot_be_read_is_told_and_ends_nothing(woken: Woken, caplog: pytest.LogCaptureFixture) -> None:
    body = application_body()
    body["spec"] = {"source": 7}
    _into(woken.world.applications)(Event("MODIFIED", body))
    (record,) = caplog.records
    assert record.__dict__["object"] == "None tenant-payments/web"
    assert woken.world.applications.keys() == []
