"""The second gate: a hub that was fooled cannot fool it."""

from typing import Any

import pytest

from controlplane.agent.gate import hold, judge, may_claim, reserved
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.problem import Ends
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName
from controlplane.api.labels import LABEL_TENANT, PLATFORM
from controlplane.api.names import ground_key, identity, owner_hash, tenant_namespace, work_name
from controlplane.api.work import Work, WorkSpec

HUB = "hub-1"
PAYMENTS = TenantName("payments")


def spec(tenant: TenantName = PAYMENTS, name: str = "web", **more: Any) -> WorkSpec:
    application = NamespacedName(tenant_namespace(tenant), name)
    if more.get("type") == "Ground":
        application = ground_key(tenant)
    account = identity(tenant)
    return WorkSpec.model_validate(
        {
            "hub": HUB,
            "delivery": 7,
            "type": "Application",
            "tenant": tenant,
            "application": {"namespace": application.namespace, "name": application.name},
            "owner": owner_hash(application),
            "identity": {"namespace": account.namespace, "name": account.name},
        }
        | more
    )


def named(made: WorkSpec) -> str:
    return work_name(NamespacedName(made.application.namespace, made.application.name))


def reason(made: WorkSpec, **more: Any) -> str:
    fault = hold(more.get("name") or named(made), made, hub=more.get("hub", HUB), delivered=more.get("delivered", 0))
    return fault.reason if fault else ""


@pytest.mark.parametrize("tenant", [PAYMENTS, TenantName(PLATFORM)])
@pytest.mark.parametrize("kind", ["Application", "Ground"])
def test_a_work_that_is_what_it_says_is_carried_out(tenant: TenantName, kind: str) -> None:
    assert reason(spec(tenant, type=kind)) == ""


OTHER = NamespacedName("tenant-search", "web")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"protocol": 99}, "UnknownProtocol", id="a newer protocol"),
        pytest.param({"hub": "hub-2"}, "UnknownHub", id="another hub"),
        pytest.param({"owner": "0" * 32}, "NotItsOwner", id="an owner that is not its application's hash"),
        pytest.param({"tenant": "search"}, "NotItsOwner", id="another tenant's name over our application"),
        pytest.param(
            {"application": {"namespace": OTHER.namespace, "name": OTHER.name}, "owner": owner_hash(OTHER)},
            "NotItsOwner",
            id="another tenant's application",
        ),
        pytest.param(
            {"identity": {"namespace": "controlplane-platform", "name": "platform"}},
            "NotItsIdentity",
            id="the platform's identity for a tenant",
        ),
        pytest.param({"type": "Ground"}, "NotItsOwner", id="an application as ground"),
    ],
)
def test_a_work_that_is_not_what_it_says_is_held(change: dict[str, Any], expected: str) -> None:
    made = spec().model_copy(update=WorkSpec.model_validate(spec().wire() | change).__dict__)
    assert reason(made, name=named(spec())) == expected


def test_a_cluster_that_joined_no_hub_obeys_none() -> None:
    assert reason(spec(hub=""), hub="") == "UnknownHub"


def test_an_older_delivery_is_held_and_the_same_is_not() -> None:
    assert reason(spec(), delivered=8) == "StaleDelivery"
    assert reason(spec(), delivered=7) == ""


def test_one_owner_has_one_work() -> None:
    assert reason(spec(), name="web-2") == "NotItsName"


def test_a_work_as_it_comes_over_the_wire_can_be_judged() -> None:
    work = Work.model_validate({"metadata": {"name": "x"}, "spec": spec().wire()})
    assert hold(named(work.spec), work.spec, hub=HUB, delivered=0) is None


@pytest.fixture
def namespaces() -> Namespaces:
    known = Namespaces()
    for name, tenant in {"shop": "payments", "find": "search", "old": "", "kube-system": "", "default": ""}.items():
        known.saw(
            {"metadata": {"name": name, "uid": f"uid-{name}", "labels": {LABEL_TENANT: tenant} if tenant else {}}}
        )
    return known


@pytest.mark.parametrize(
    ("key", "namespaced", "expected"),
    [
        pytest.param(ObjectKey("", "ConfigMap", "shop", "a"), True, "", id="its own namespace"),
        pytest.param(ObjectKey("", "ConfigMap", "find", "a"), True, "NamespaceNotOurs", id="another tenant's"),
        pytest.param(ObjectKey("", "ConfigMap", "old", "a"), True, "NamespaceNotOurs", id="nobody's"),
        pytest.param(ObjectKey("", "ConfigMap", "none", "a"), True, "NamespaceMissing", id="one that is not there"),
        pytest.param(ObjectKey("", "ConfigMap", "", "a"), True, "Denied", id="none at all"),
        pytest.param(
            ObjectKey("x.dev", "Fleet", "shop", "a"), False, "Denied", id="a kind that is cluster-scoped here"
        ),
        pytest.param(ObjectKey("", "Namespace", "", "mine"), False, "Denied", id="a namespace"),
        pytest.param(ObjectKey("controlplane.dev", "Tenant", "", "x"), False, "Denied", id="our own kinds"),
        pytest.param(ObjectKey("", "PersistentVolume", "", "x"), False, "", id="cluster-scoped: left to its rights"),
    ],
)
def test_an_object_of_a_tenant(key: ObjectKey, namespaced: bool, expected: str, namespaces: Namespaces) -> None:
    fault = judge(key, "payments", namespaced=namespaced, namespaces=namespaces)
    assert (fault.reason if fault else "") == expected


def test_a_kind_that_was_not_said_to_be_the_tenants(namespaces: Namespaces) -> None:
    annotations = {"controlplane.dev/denied-kinds": "^(?:core/Service)$"}
    labels = {LABEL_TENANT: "payments"}
    namespaces.saw({"metadata": {"name": "shop", "labels": labels, "annotations": annotations}})
    fault = judge(ObjectKey("", "Service", "shop", "a"), "payments", namespaced=True, namespaces=namespaces)
    assert fault is not None and (fault.reason, fault.ends) == ("KindNotAllowed", Ends.EVENT)
    assert judge(ObjectKey("", "ConfigMap", "shop", "a"), "payments", namespaced=True, namespaces=namespaces) is None


def test_the_platform_goes_where_its_rights_reach(namespaces: Namespaces) -> None:
    for key, namespaced in (
        (ObjectKey("", "ConfigMap", "kube-system", "a"), True),
        (ObjectKey("", "Namespace", "", "new"), False),
        (ObjectKey("", "ConfigMap", "not-there-yet", "a"), True),
    ):
        assert judge(key, PLATFORM, namespaced=namespaced, namespaces=namespaces) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", ""),
        ("new", ""),
        ("find", "NamespaceConflict"),
        ("old", "NamespaceExists"),
        ("default", "NamespaceReserved"),
        ("kube-system", "NamespaceReserved"),
        ("controlplane-system", "NamespaceReserved"),
    ],
)
def test_which_namespaces_a_tenant_may_be_given(name: str, expected: str, namespaces: Namespaces) -> None:
    fault = may_claim(name, "payments", namespaces=namespaces, handed_over=())
    assert (fault.reason if fault else "") == expected


def test_the_clusters_owner_hands_namespaces_over(namespaces: Namespaces) -> None:
    listed = ("old", "kube-system", "find", "controlplane-system")
    faults = {
        name: may_claim(name, "payments", namespaces=namespaces, handed_over=listed)
        for name in ("old", "kube-system", "find", "controlplane-system")
    }
    assert {name: fault.reason if fault else "" for name, fault in faults.items()} == {
        "old": "",
        "kube-system": "",
        "find": "NamespaceConflict",  # a namespace has one tenant, the first
        "controlplane-system": "NamespaceReserved",
    }


def test_a_namespace_of_ours_stays_ours_without_its_label(namespaces: Namespaces) -> None:
    assert may_claim("old", "payments", namespaces=namespaces, handed_over=(), ours=("uid-old",)) is None


def test_reserved_names() -> None:
    assert [n for n in ("default", "defaults", "kube-x", "kubernetes", "controlplane-x") if reserved(n)] == [
        "default", "kube-x", "controlplane-x",
    ]  # fmt: skip
