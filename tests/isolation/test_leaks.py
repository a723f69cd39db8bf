"""Nothing secret is ever told: not in a log, a status, an Event, an answer, or what another tenant is given.

Each case puts a mark of its own into a place where secrets are, makes something go wrong there, and then looks for the mark
everywhere that somebody else may look.
"""

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest

from tests.behaviour.manifests import config_map, file_of, repository
from tests.isolation.attack import MALLORY, VICTORIA, Stopped, Wall
from tests.isolation.field import AS_POD, AS_TENANT, MARKER, MEMBER_OF_MALLORY, Field

FAMILY = "leaks"
_TOLD = ("Tenant", "Repository", "Application", "Work", "Cluster", "Event")


async def told(field: Field, marks: dict[str, int]) -> str:
    """All that can be read by somebody who may not read Secrets: statuses, Events, logs."""
    kinds = await asyncio.gather(*(field.hub.all(kind) for kind in _TOLD))
    events = await field.victim.member.all("Event")
    return json.dumps([*kinds, events]) + json.dumps(field.system.said_since(marks))


def secret(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "leak"}, **parts}


BROKEN: dict[str, tuple[Any, str]] = {
    "a Secret that is no base64": (secret(data={"key": "leak-0-secret!"}), "Invalid"),
    "a Secret whose value is a number's list": (secret(stringData={"key": ["leak-1-secret"]}), "Invalid"),
    "a Secret of a kind that needs more": (
        secret(type="kubernetes.io/tls", stringData={"password": "leak-2-secret"}),
        "Invalid",
    ),
    "a Secret with an unknown field": (secret(datum={"key": "leak-3-secret"}), "Invalid"),
    "a Secret in broken YAML": (
        "apiVersion: v1\nkind: Secret\nstringData:\n  key: leak-4-secret\n bad: [leak-4-secret\n",
        "InvalidYaml",
    ),
    "a Secret that is denied": (
        secret(metadata={"name": "leak", "namespace": VICTORIA}, stringData={"key": "leak-5-secret"}),
        "NamespaceDenied",
    ),
    "a Secret over the limit of size": (secret(stringData={"key": "leak-6-secret" + "x" * 1_100_000}), "Invalid"),
    "a kustomization that fails over a Secret": (
        file_of({"secretGenerator": [{"name": "x", "literals": ["leak-7-secret"]}]}),
        "KustomizeFailed",
    ),
}  # what is wrong -> a file's content, and the reason that status gives


@pytest.mark.parametrize("name", BROKEN)
async def test_an_error_does_not_repeat_the_secret(mounted: Field, name: str, stopped: Stopped) -> None:
    number = [*BROKEN].index(name)
    content, reason = BROKEN[name]
    slug, marks = f"leaks-{number}", mounted.system.marks()
    file = "kustomization.yaml" if reason == "KustomizeFailed" else "a.yaml"
    await mounted.attacker.push({f"{slug}/{file}": content})
    await mounted.attacker.deploy(slug, slug)
    await mounted.attacker.problem(slug, reason)
    found = await told(mounted, marks)
    assert slug in found  # it was spoken of
    assert f"leak-{number}-secret" not in found
    assert b64encode(f"leak-{number}-secret".encode()).decode()[:12] not in found
    await mounted.unharmed()
    stopped(f"{name}: what the error says", Wall.HUB_GATE, reason)


async def test_what_the_victim_keeps_is_told_to_nobody(mounted: Field, stopped: Stopped) -> None:
    """Her Secrets were delivered, changed by hand and healed, and deleted; her Git credentials were used."""
    marks, team = mounted.system.marks(), mounted.victim
    await team.hub.apply(repository("private", team.hub_namespace, team.url, secretRef={"name": "git-credentials"}))
    await team.member.kubectl(
        "patch", "secret/hers", "-n", VICTORIA, "--type=merge", "-p", '{"stringData":{"key":"other"}}'
    )
    await team.member.until(
        "her Secret is healed", "Secret", "hers",
        lambda body: (body or {}).get("data", {}).get("key") == b64encode(MARKER.encode()).decode(), namespace=VICTORIA,
    )  # fmt: skip
    await team.ready("web")
    outputs = [
        await team.system.cpctl("app", "get", f"{VICTORIA}/web"),
        await team.system.cpctl("app", "get", f"{VICTORIA}/web", "-o", "yaml"),
        await team.system.cpctl("status"),
    ]
    found = await told(mounted, marks) + "".join(outputs)
    assert MARKER not in found
    assert b64encode(MARKER.encode()).decode() not in found
    await team.hub.kubectl("delete", "repository.controlplane.dev/private", "-n", team.hub_namespace)
    await mounted.unharmed()
    stopped("another tenant's secrets in logs, statuses and Events", Wall.HUB_GATE, "never written there")


async def test_what_is_written_into_an_inventory_holds_no_secret(mounted: Field, stopped: Stopped) -> None:
    """The agent's Secrets name objects and their hashes; a hash of a short secret is none of its plain text."""
    found = json.dumps(await mounted.victim.member.all("Secret", "controlplane-system"))
    assert MARKER not in found
    assert b64encode(MARKER.encode()).decode() not in found
    stopped("another tenant's secrets in the agent's inventory", Wall.AGENT_GATE, "never written there")


LOOKS = (
    ("as the tenant, her Secret", "east", AS_TENANT, ("get", "secret/hers", "-n", VICTORIA, "-o", "yaml")),
    ("as the tenant, everybody's Secrets", "east", AS_TENANT, ("get", "secrets", "-A")),
    ("as the tenant, the agent's inventory", "east", AS_TENANT, ("get", "secrets", "-n", "controlplane-system")),
    ("as a pod, its own tenant's Secrets", "east", AS_POD, ("get", "secrets", "-n", MALLORY)),
    (
        "on the hub, her Git credentials",
        "hub",
        MEMBER_OF_MALLORY,
        ("get", "secret/git-credentials", "-n", f"tenant-{VICTORIA}", "-o", "yaml"),
    ),
    ("on the hub, her Events", "hub", MEMBER_OF_MALLORY, ("get", "events", "-n", f"tenant-{VICTORIA}")),
    ("on the hub, all Repositories", "hub", MEMBER_OF_MALLORY, ("get", "repositories.controlplane.dev", "-A")),
    ("on the hub, the webhook's key", "hub", MEMBER_OF_MALLORY, ("get", "secrets", "-n", "controlplane-system")),
    (
        "on the hub, the inventories of roots",
        "hub",
        MEMBER_OF_MALLORY,
        ("get", "configmaps", "-n", "controlplane-system"),
    ),
)


@pytest.mark.parametrize(("name", "cluster", "who", "command"), LOOKS, ids=[look[0] for look in LOOKS])
async def test_a_look_at_what_is_not_its_own(
    mounted: Field, name: str, cluster: str, who: tuple[str, ...], command: tuple[str, ...], stopped: Stopped
) -> None:
    ran = await mounted.cluster(cluster).try_kubectl(*who, *command)
    assert ran.code != 0, ran.out
    assert "orbidden" in ran.err
    assert MARKER not in ran.out + ran.err
    stopped(name, Wall.KUBERNETES, "Forbidden")


async def test_her_value_in_my_repository(mounted: Field, stopped: Stopped) -> None:
    """Variables come from the Application's own overrides: none names a Secret, an environment or another's ConfigMap."""
    team = mounted.attacker
    content = config_map("leak-env", {"home": "$${HOME}", "path": "${PATH:-none}", "kube": "${KUBECONFIG:-none}"})
    overrides = [{"clusters": {"names": ["east"]}, "variables": {"other": "x"}}]
    await team.push({"leak-env/a.yaml": content})
    await team.deploy("leak-env", "leak-env", overrides=overrides)
    await team.ready("leak-env")
    body = await team.member.get("ConfigMap", "leak-env", MALLORY)
    assert body and body["data"] == {"home": "${HOME}", "path": "none", "kube": "none"}
    await mounted.unharmed()
    stopped("the hub's environment by substitution", Wall.RENDERER, "variables are the Application's own")
