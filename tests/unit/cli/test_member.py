"""What joining installs, and what it must never grant: these rules are the walls between tenants on a member."""

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.agent.joined import Joined
from controlplane.cli.member import Member, everything, manifests, minor_version, obsolete, pod
from controlplane.kube.request import Body

AGENT = {"kind": "ServiceAccount", "name": "controlplane-agent", "namespace": "controlplane-system"}
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def member(**facts: Any) -> Member:
    return Member("east", "the-hub", **facts)


def keys(bodies: list[Body]) -> set[tuple[str, str, str]]:
    return {(body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]) for body in bodies}


def rules_of_the_agent(bodies: list[Body]) -> Iterator[tuple[str, Body]]:
    """(namespace or "", rule) of every rule that is bound to the agent itself."""
    roles = {(b["kind"], b["metadata"].get("namespace", ""), b["metadata"]["name"]): b for b in bodies if "rules" in b}
    for binding in bodies:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding") or AGENT not in binding["subjects"]:
            continue
        namespace = binding["metadata"].get("namespace", "")
        ref = binding["roleRef"]
        role = roles[ref["kind"], namespace if ref["kind"] == "Role" else "", ref["name"]]
        for rule in role["rules"]:
            yield namespace, rule


@pytest.mark.parametrize(
    ("version", "minor"), [({"minor": "37"}, 37), ({"minor": "35+"}, 35), ({"minor": ""}, 0), ({}, 0)]
)
def test_the_version_of_a_server(version: Body, minor: int) -> None:
    assert minor_version(version) == minor


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("role", ["none", "view"])
def test_either_form_of_impersonation_is_granted_never_both(constrained: bool, role: str) -> None:
    bodies = manifests(member(constrained=constrained, platform_role=role))
    verbs = {verb for _, rule in rules_of_the_agent(bodies) for verb in rule["verbs"]}
    assert ("impersonate" in verbs) is not constrained
    assert any(verb.startswith("impersonate:") for verb in verbs) is constrained
    assert any(verb.startswith("impersonate-on:") for verb in verbs) is constrained


@pytest.mark.parametrize("constrained", [False, True])
def test_the_agent_impersonates_service_accounts_of_one_namespace_only(constrained: bool) -> None:
    rules = list(rules_of_the_agent(manifests(member(constrained=constrained))))
    found = {
        (namespace, tuple(rule["resources"]))
        for namespace, rule in rules
        if {"impersonate", "impersonate:serviceaccount"} & set(rule["verbs"])
    }
    assert found == {("controlplane-tenants", ("serviceaccounts",))}


def test_acting_as_the_platform_is_granted_by_name_and_only_where_it_has_a_role() -> None:
    without, with_one = (
        list(rules_of_the_agent(manifests(member(platform_role=r)))) for r in ("none", "cluster-admin")
    )
    assert not [rule for namespace, rule in without if namespace == "controlplane-platform"]
    (rule,) = [rule for namespace, rule in with_one if namespace == "controlplane-platform"]
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (
        ["serviceaccounts"], ["platform"], ["impersonate:serviceaccount"],
    )  # fmt: skip


def test_nothing_is_read_as_a_tenant() -> None:
    verbs = {verb for _, rule in rules_of_the_agent(manifests(member())) for verb in rule["verbs"]}
    assert {verb for verb in verbs if verb.startswith("impersonate-on:")} == {
        f"impersonate-on:serviceaccount:{verb}" for verb in ("create", "patch", "delete")
    }


def test_as_itself_the_agent_writes_the_ground_everywhere_and_secrets_and_accounts_at_home() -> None:
    written: dict[str, set[str]] = {}
    for namespace, rule in rules_of_the_agent(manifests(member(platform_role="cluster-admin"))):
        if WRITES & set(rule["verbs"]):
            written.setdefault(namespace, set()).update(rule["resources"])
    assert written == {
        "": {"namespaces", "resourcequotas", "limitranges", "networkpolicies", "rolebindings"},
        "controlplane-system": {"secrets"},
        "controlplane-tenants": {"serviceaccounts"},
    }


def test_the_agent_binds_the_tenants_roles_by_name_and_escalates_nothing() -> None:
    rules = [rule for _, rule in rules_of_the_agent(manifests(member()))]
    assert [rule["resourceNames"] for rule in rules if "bind" in rule["verbs"]] == [
        ["controlplane-tenant", "controlplane-tenant-rbac", "controlplane-tenant-extra"]
    ]
    assert not any({"escalate", "*"} & set(rule["verbs"]) for rule in rules)
    assert not any("token" in resource for rule in rules for resource in rule["resources"])


def test_a_tenant_has_no_wildcard_and_none_of_what_bounds_it() -> None:
    roles = {b["metadata"]["name"]: b for b in manifests(member()) if b["kind"] == "ClusterRole"}
    rules = roles["controlplane-tenant"]["rules"] + roles["controlplane-tenant-rbac"]["rules"]
    assert not any("*" in rule[part] for rule in rules for part in ("apiGroups", "resources", "verbs"))
    written = {resource for rule in rules if WRITES & set(rule["verbs"]) for resource in rule["resources"]}
    assert not written & {"resourcequotas", "limitranges", "networkpolicies", "namespaces", "nodes", "persistentvolumes",
                          "endpoints", "endpointslices", "clusterroles", "clusterrolebindings"}  # fmt: skip
    groups = {group for rule in rules if WRITES & set(rule["verbs"]) for group in rule["apiGroups"]}
    assert not groups & {"admissionregistration.k8s.io", "apiextensions.k8s.io", "controlplane.dev"}
    assert not any(verb in rule["verbs"] for rule in rules for verb in ("bind", "escalate", "impersonate"))
    assert not {"pods/exec", "pods/attach", "pods/portforward", "serviceaccounts/token"} & {
        resource for rule in rules for resource in rule["resources"]
    }
    assert "rules" not in roles["controlplane-tenant-extra"]  # the cluster fills them in


def test_every_policy_over_the_agents_writes_is_bound_and_denies() -> None:
    bodies = manifests(member())
    policies = {b["metadata"]["name"]: b["spec"] for b in bodies if b["kind"] == "ValidatingAdmissionPolicy"}
    bindings = {b["spec"]["policyName"]: b["spec"] for b in bodies if b["kind"] == "ValidatingAdmissionPolicyBinding"}
    assert policies.keys() == bindings.keys()
    assert all(spec["validationActions"] == ["Deny"] for spec in bindings.values())
    # what such a policy does without its parameter it does to everybody: Deny would lock the whole cluster
    refs = [spec["paramRef"] for spec in bindings.values() if "paramRef" in spec]
    assert [ref["parameterNotFoundAction"] for ref in refs] == ["Allow"]
    for name, spec in policies.items():
        conditions = [each["expression"] for each in spec["matchConditions"]]  # nobody else's requests are looked at
        if name.startswith("controlplane-agent-"):
            assert conditions == [
                "request.userInfo.username == 'system:serviceaccount:controlplane-system:controlplane-agent'"
            ]
        elif name.startswith("controlplane-tenant-"):
            assert "request.userInfo.username.startsWith('system:serviceaccount:" in conditions[0]
        assert spec["failurePolicy"] == "Fail"
        assert all(each["reason"] == "Forbidden" for each in spec["validations"])


def hardened_only() -> set[tuple[str, str, str]]:
    return keys(manifests(member(hardened=True))) - keys(manifests(member()))


def test_what_an_earlier_join_granted_and_this_one_does_not_is_taken_away() -> None:
    before, now = member(platform_role="cluster-admin"), member()
    taken = keys(obsolete(now))
    assert keys(manifests(before)) - keys(manifests(now)) == taken - keys(obsolete(before))
    assert keys(obsolete(before)) == hardened_only()
    older = member(constrained=False)
    assert keys(manifests(member())) - keys(manifests(older)) <= keys(obsolete(older))


def test_a_hardened_agent_reads_nothing_of_the_tenants_across_the_cluster() -> None:
    wide, narrow = (list(rules_of_the_agent(manifests(member(hardened=each)))) for each in (False, True))

    def read(rules: list[tuple[str, Body]]) -> set[tuple[str, str, str]]:
        return {
            (namespace, group, resource)
            for namespace, rule in rules
            if {"get", "list", "watch"} & set(rule["verbs"])
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }

    assert ("", "*", "*") in read(wide)
    assert read(narrow) == {
        ("", "", "namespaces"), ("", "apiextensions.k8s.io", "customresourcedefinitions"),
        ("controlplane-system", "", "secrets"), ("controlplane-system", "", "configmaps"),
        ("controlplane-tenants", "", "serviceaccounts"),
    }  # fmt: skip
    assert [rule["resourceNames"] for _, rule in narrow if "bind" in rule["verbs"]] == [
        ["controlplane-tenant", "controlplane-tenant-rbac", "controlplane-tenant-extra"], ["controlplane-agent-reads"],
    ]  # fmt: skip


@pytest.mark.parametrize("hardened", [False, True])
def test_a_join_in_the_other_mode_takes_away_what_the_first_one_granted(hardened: bool) -> None:
    before, now = member(hardened=not hardened), member(hardened=hardened)
    assert keys(manifests(before)) - keys(manifests(now)) <= keys(obsolete(now))
    assert not keys(obsolete(now)) & keys(manifests(now))
    (config,) = [body for body in manifests(now) if body["kind"] == "ConfigMap"]
    assert Joined.of(config).hardened is hardened


def test_a_removal_takes_away_all_that_any_join_brought() -> None:
    left = keys(manifests(member(platform_role="view"))) | keys(
        manifests(member(constrained=False, platform_role="view", hardened=True))
    )
    assert left <= keys(list(everything(member())))


def test_the_pod_runs_as_the_agent_from_the_image_for_the_cluster() -> None:
    (deployment,) = [body for body in pod(member(), "example/agent:1", "now") if body["kind"] == "Deployment"]
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["serviceAccountName"] == "controlplane-agent"
    assert container["image"] == "example/agent:1"
    assert "--cluster=east" in container["args"]
