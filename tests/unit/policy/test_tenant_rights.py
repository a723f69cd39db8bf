"""The gate's table of a tenant's rights is what joining installs, rule by rule."""

import yaml

from controlplane.agent import ground, sight
from controlplane.policy.tenant_rights import BINDABLE, GROUND_NAME, RIGHTS, ROLES, SIGHT, holds, is_custom
from tests.testdata import ROOT

INSTALLED = {
    body["metadata"]["name"]: body
    for body in yaml.safe_load_all((ROOT / "deploy" / "agent" / "30-tenant-roles.yaml").read_text())
}


def test_the_table_is_what_joining_installs() -> None:
    rules = [
        tuple(tuple(rule[field]) for field in ("apiGroups", "resources", "verbs"))
        for role in ("controlplane-tenant", "controlplane-tenant-rbac")
        for rule in INSTALLED[role]["rules"]
    ]
    assert rules == list(RIGHTS)


def test_the_roles_are_those_that_the_agent_binds() -> None:
    assert tuple(INSTALLED) == ROLES == ground.ROLES
    assert set(BINDABLE) < set(ROLES)
    assert SIGHT == sight.SIGHT
    assert GROUND_NAME == ground.NAME


def test_no_right_is_a_wildcard_or_gives_more_than_it_is() -> None:
    every = [text for right in RIGHTS for part in right for text in part]
    assert not [text for text in every if "*" in text or text in ("escalate", "bind", "impersonate")]
    assert not [text for text in every if text.endswith(("/token", "/exec", "/attach", "/portforward", "/proxy"))]


def test_a_custom_group_is_judged_by_its_cluster() -> None:
    assert is_custom("example.com") and not is_custom("apps") and not is_custom("")
    assert holds("example.com", "gadgets", "create")
    assert not holds("example.com", "gadgets", "impersonate")
    assert not holds("", "resourcequotas", "get")
    assert not holds("networking.k8s.io", "networkpolicies", "create")
