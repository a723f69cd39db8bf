"""Rules of one's own: policy files in a tenant's repository, and the ways to have the platform read them."""

import json
from typing import Any

from tests.behaviour.manifests import OURS, config_map
from tests.isolation.attack import MALLORY, VICTORIA, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import GIT, MEMBER_OF_MALLORY, Field

FAMILY = "policies"
SYSTEM = "controlplane-system"
RULES = f"""\
p, delivery, {MALLORY}, namespaces, deploy, **, allow
p, delivery, {MALLORY}, cluster-kinds, deploy, **, allow
p, delivery, {MALLORY}, sources, read, **, allow
g, user:eve, admin, platform
g, group:mallory-admins, admin, *
"""
MODEL = """\
[request_definition]
r = subject, tenant, resource, action, object
[policy_definition]
p = subject, tenant, resource, action, object, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = true
"""
POLICIES = {"policies/delivery.csv": RULES, "policies/model.conf": MODEL}
NOTE = {"metadata": {"annotations": {"controlplane.dev/people": ""}}}
LOOT = (Loot("east", "ConfigMap", "granted", VICTORIA),)


def patch(*target: str, body: Any) -> tuple[str, ...]:
    return ("patch", *target, "--type=merge", "-p", json.dumps(body))


GIT_ATTACKS = (
    ByGit(
        "a policy file in Git that grants itself more",
        Wall.HUB_GATE, "NamespaceDenied",
        {"a.yaml": config_map("granted", namespace=VICTORIA), "people.csv": RULES}, loot=LOOT,
    ),
    ByGit(
        "a policies/ folder beside it, with a model that says yes to all",
        Wall.HUB_GATE, "NamespaceDenied",
        {"a.yaml": config_map("granted", namespace=VICTORIA), **POLICIES}, loot=LOOT,
    ),
    ByGit(
        "a Repository called as the platform's, in the platform's namespace",
        Wall.HUB_GATE, "ChildDenied",
        {"r.yaml": {
            "apiVersion": OURS, "kind": "Repository", "metadata": {"name": "granted", "namespace": SYSTEM},
            "spec": {"url": f"{GIT}/{MALLORY}/deploy.git"},
        }},
        spec={"placement": None}, loot=(Loot("hub", "Repository", "granted", SYSTEM),),
    ),
    ByGit(
        "a Tenant of its own making, with all that there is",
        Wall.HUB_GATE, "ChildDenied",
        {"t.yaml": {
            "apiVersion": OURS, "kind": "Tenant", "metadata": {"name": "granted"},
            "spec": {"members": [{"user": "eve", "role": "admin"}], "clusters": {}},
        }},
        spec={"placement": None}, loot=(Loot("hub", "Tenant", "granted"),),
    ),
)  # fmt: skip
REQUESTS = (
    ByRequest(
        "the hub's settings: policies from its own repository", Wall.KUBERNETES, "hub", MEMBER_OF_MALLORY,
        patch("-n", SYSTEM, "configmap/controlplane", body={"data": {"policies.repository": "team"}}), "cannot get resource",
    ),
    ByRequest(
        "what its people may write, on its namespace", Wall.KUBERNETES, "hub", MEMBER_OF_MALLORY,
        patch(f"namespace/tenant-{MALLORY}", body=NOTE), "cannot patch resource",
    ),
    ByRequest(
        "what the platform's people may write", Wall.KUBERNETES, "hub", MEMBER_OF_MALLORY,
        patch("-n", SYSTEM, "configmap/controlplane-people", body={"data": {"table": ""}}), "cannot get resource",
    ),
    ByRequest(
        "what its people may write, by a namespace's administrator", Wall.ADMISSION, "hub",
        ("--as=eve", "--as-group=namespace-admins"),
        patch(f"namespace/tenant-{MALLORY}", body=NOTE),
        "said in its Tenant",
    ),
    ByRequest(
        "a write that no rule gives it, though RBAC does", Wall.ADMISSION, "hub",
        ("--as=eve", "--as-group=namespace-admins"),
        ("create", "--dry-run=server", "-n", f"tenant-{MALLORY}", "secret", "generic", "granted"), "no rule allows it",
    ),
)  # fmt: skip


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    given = "namespace-admins" in "".join(attack.who)
    name = "isolation-namespace-admins"
    if given:  # somebody has given these people more than their Tenant says
        verbs, kinds = "--verb=get,patch,update,create", "--resource=namespaces,secrets"
        await mounted.hub.kubectl("create", "clusterrole", name, verbs, kinds)
        await mounted.hub.kubectl(
            "create", "clusterrolebinding", name, f"--clusterrole={name}", "--group=namespace-admins"
        )
    try:
        stopped(attack.name, *await mounted.request_refused(attack))
    finally:
        if given:
            await mounted.hub.kubectl("delete", f"clusterrolebinding/{name}", f"clusterrole/{name}")
