"""A tenant's ground: typed fields in, and nothing but these objects out."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.ground import ROLES, facts_of, namespaces_of, objects_in, service_account
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.sight import SIGHT, is_sight
from controlplane.api.keys import TenantName, key_of
from controlplane.api.labels import LABEL_TENANT
from controlplane.api.names import identity
from controlplane.api.work import Ground, GroundNamespace, Kinds

TENANT = TenantName("payments")
ACCOUNT = identity(TENANT)
FACTS = facts_of(Kinds(allow=("apps/*", "core/ConfigMap"), deny=("*.example.com/Ga*t",)), ["shop", "jobs"])


def there(**tenants: str) -> Namespaces:
    known = Namespaces()
    for name, tenant in tenants.items():
        labels = {LABEL_TENANT: tenant} if tenant else {}
        known.saw({"metadata": {"name": name.replace("_", "-"), "uid": f"uid-{name}", "labels": labels}})
    return known


def laid(ground: list[dict[str, Any]], known: Namespaces, *handed_over: str) -> tuple[list[str], list[str]]:
    made = Ground.model_validate({"namespaces": ground})
    found, faults = namespaces_of(made, TENANT, namespaces=known, handed_over=handed_over)
    return sorted(found), [fault.reason for fault in faults]


def by_kind(entry: GroundNamespace) -> dict[str, dict[str, Any]]:
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in objects_in("shop", entry, TENANT, ACCOUNT, FACTS)}


def test_the_least_ground_is_a_namespace_with_rights_and_a_closed_door() -> None:
    made = by_kind(GroundNamespace(name="shop"))
    assert list(made) == ["Namespace/shop", *(f"RoleBinding/{role}" for role in ROLES), "NetworkPolicy/controlplane"]
    assert made["Namespace/shop"]["metadata"]["labels"] == {
        LABEL_TENANT: "payments",
        "pod-security.kubernetes.io/enforce": "baseline",
    }


def test_what_is_said_of_the_tenant_stands_on_its_namespace() -> None:
    annotations = by_kind(GroundNamespace(name="shop", network="open"))["Namespace/shop"]["metadata"]["annotations"]
    assert annotations["controlplane.dev/namespaces"] == "jobs,shop"
    assert annotations["controlplane.dev/network"] == "open"
    known = Namespaces()
    known.saw({"metadata": {"name": "shop", "annotations": annotations}})
    shop = known.get("shop")
    assert shop is not None
    assert shop.takes("apps", "Deployment") and shop.takes("", "ConfigMap")
    assert not shop.takes("", "ConfigMaps") and not shop.takes("", "Secret") and not shop.takes("batch", "Job")
    wide = facts_of(Kinds(deny=("*.example.com/Ga*t", "core/Service")), ["shop"])
    known.saw({"metadata": {"name": "shop", "annotations": wide}})
    shop = known.get("shop")
    assert shop is not None
    assert shop.takes("batch", "Job") and shop.takes("example.com", "Gadget")
    assert not shop.takes("x.example.com", "Gadget") and not shop.takes("", "Service")


def test_rights_go_to_the_tenants_own_account_and_no_other() -> None:
    made = by_kind(GroundNamespace(name="shop"))
    for role in ROLES:
        binding = made[f"RoleBinding/{role}"]
        assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "namespace": "controlplane-tenants", "name": "payments"}
        ]


def test_a_hardened_agent_lets_itself_see_the_namespace() -> None:
    entry = GroundNamespace(name="shop")
    made = objects_in("shop", entry, TENANT, ACCOUNT, FACTS, hardened=True)
    (sight,) = [each for each in made if each not in objects_in("shop", entry, TENANT, ACCOUNT, FACTS)]
    assert is_sight(key_of(sight))
    assert sight["roleRef"]["name"] == SIGHT
    assert sight["subjects"] == [
        {"kind": "ServiceAccount", "namespace": "controlplane-system", "name": "controlplane-agent"}
    ]


def test_bounds_are_made_where_they_are_asked_for() -> None:
    made = by_kind(GroundNamespace(name="shop", quota={"pods": "5"}, limits={"cpu": "500m"}, network="open"))
    assert made["ResourceQuota/controlplane"]["spec"] == {"hard": {"pods": "5"}}
    assert made["LimitRange/controlplane"]["spec"]["limits"] == [{"type": "Container", "default": {"cpu": "500m"}}]
    assert "NetworkPolicy/controlplane" not in made


def test_the_network_policy_admits_the_tenants_own_namespaces() -> None:
    policy = by_kind(GroundNamespace(name="shop"))["NetworkPolicy/controlplane"]["spec"]
    assert policy["podSelector"] == {}
    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [{"from": [{"namespaceSelector": {"matchLabels": {LABEL_TENANT: "payments"}}}]}]


def test_the_account_holds_no_token() -> None:
    account = service_account(ACCOUNT, TENANT)
    assert account["automountServiceAccountToken"] is False
    assert str(key_of(account)) == "ServiceAccount controlplane-tenants/payments"


def test_a_namespace_is_made_unless_it_is_to_be_there_already() -> None:
    assert laid([{"name": "new"}, {"name": "later", "create": False}], there()) == (["new"], [])
    assert laid([{"name": "shop", "create": False}], there(shop="payments")) == (["shop"], [])


def test_what_is_written_out_and_cannot_be_given_is_a_fault() -> None:
    known = there(find="search", old="")
    assert laid([{"name": "find"}, {"name": "old"}, {"name": "kube-x"}, {"name": "new"}], known) == (
        ["new"],
        ["NamespaceConflict", "NamespaceExists", "NamespaceReserved"],
    )


def test_a_glob_takes_what_it_may_have_and_makes_nothing() -> None:
    known = there(pay_a="payments", pay_b="", pay_c="search", other="payments")
    assert laid([{"name": "pay-*", "create": False}], known) == (["pay-a"], [])
    assert laid([{"name": "pay-*", "create": False}], known, "pay-b") == (["pay-a", "pay-b"], [])


def test_the_first_entry_that_fits_counts() -> None:
    made = Ground.model_validate(
        {
            "namespaces": [
                {"name": "pay-a", "network": "open"},
                {"name": "pay-*", "create": False, "network": "isolated"},
            ]
        }
    )
    found, _ = namespaces_of(made, TENANT, namespaces=there(pay_a="payments", pay_b="payments"), handed_over=())
    assert {name: entry.network for name, entry in found.items()} == {"pay-a": "open", "pay-b": "isolated"}


names = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?|[a-z]{1,3}\*", fullmatch=True)
owned = st.dictionaries(names.filter(lambda n: "*" not in n), st.sampled_from(["", "payments", "search"]), max_size=6)


@given(st.lists(st.tuples(names, st.booleans()), max_size=6), owned)
def test_no_ground_ever_reaches_into_a_namespace_that_is_not_the_tenants(
    entries: list[tuple[str, bool]], tenants: dict[str, str]
) -> None:
    known = there(**tenants)
    found, _ = namespaces_of(
        Ground(namespaces=tuple(GroundNamespace(name=name, create=create) for name, create in entries)),
        TENANT,
        namespaces=known,
        handed_over=(),
    )
    for name in found:
        fact = known.get(name)
        assert fact is None or fact.tenant == "payments"
        assert not name.startswith(("kube-", "controlplane-"))
