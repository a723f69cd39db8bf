"""One agent against another, with its own credential: what it can read and write on the hub, and of the artifacts."""

import json
from pathlib import Path

import aiohttp
import pytest

from tests.behaviour.cluster import Body
from tests.behaviour.command import Ran, run
from tests.behaviour.manifests import OURS
from tests.isolation.attack import VICTORIA, Stopped, Wall
from tests.isolation.field import Field

FAMILY = "agents"
AUDIENCE = "controlplane-artifacts"


class Thief:
    """The agent of west, as the holder of its kubeconfig for the hub. It has no Work of the victim's, who is on east."""

    def __init__(self, field: Field) -> None:
        start = field.system.facts["processes"]["agent-west"]["start"]
        self._kubeconfig = Path(start[start.index("--hub-kubeconfig") + 1])
        self._kubectl = field.system.facts["tools"]["kubectl"]

    async def tries(self, *arguments: str, body: Body | None = None) -> Ran:
        return await run(self._kubectl, "--kubeconfig", self._kubeconfig, *arguments, stdin=json.dumps(body or {}))

    async def token(self) -> str:
        ran = await self.tries("create", "token", "agent", "-n", "cluster-west", "--audience", AUDIENCE)
        assert ran.code == 0, ran.err
        return ran.out.strip()


@pytest.fixture
def thief(mounted: Field) -> Thief:
    return Thief(mounted)


async def her_work(field: Field) -> Body:
    found = await field.hub.all("Work", "cluster-east", f"controlplane.dev/tenant={VICTORIA}")
    (work,) = [each for each in found if each["spec"]["type"] == "Application"]
    return work


async def own_work(field: Field) -> Body:
    """A Work on the thief's own cluster: of an example team's."""
    return await field.hub.until_all(
        "there is a Work on west",
        "Work",
        lambda found: next((each for each in found if each["spec"]["type"] == "Application"), {}),
        namespace="cluster-west",
    )


CREATE = ("create", "--validate=false", "-f", "-")
WORK = {"apiVersion": OURS, "kind": "Work", "metadata": {"name": "stolen"}, "spec": {}}
WRITES = {
    "see another cluster's Works": ("get", "works", "-n", "cluster-east", "-o", "yaml"),
    "watch everybody's Works": ("get", "works", "-A"),
    "write the status of another's Work": (
        "patch",
        "work/{work}",
        "-n",
        "cluster-east",
        "--subresource=status",
        "--type=merge",
        "-p",
        '{{"status":{{"health":"Healthy"}}}}',
    ),
    "change another's Work": (
        "patch",
        "work/{work}",
        "-n",
        "cluster-east",
        "--type=merge",
        "-p",
        '{{"spec":{{"state":"Removed"}}}}',
    ),
    "delete another's Work": ("delete", "work/{work}", "-n", "cluster-east"),
    "write another's heartbeat": (
        "patch",
        "lease/agent",
        "-n",
        "cluster-east",
        "--type=merge",
        "-p",
        '{{"spec":{{"holderIdentity":"west"}}}}',
    ),
    "write another's Cluster": (
        "patch",
        "cluster/east",
        "--subresource=status",
        "--type=merge",
        "-p",
        '{{"status":{{"agent":{{"version":"9"}}}}}}',
    ),
    "relabel its own Cluster": ("label", "cluster/west", "env=prod", "tier=gold", "--overwrite"),
    "relabel another's Cluster": ("label", "cluster/east", "env-"),
    "delete another's Cluster": ("delete", "cluster/east"),
    "a token of another agent": ("create", "token", "agent", "-n", "cluster-east"),
    "a token of another agent for artifacts": (
        "create",
        "token",
        "agent",
        "-n",
        "cluster-east",
        "--audience",
        AUDIENCE,
    ),
    "a token of the hub": ("create", "token", "controlplane-hub", "-n", "controlplane-system"),
    "another's Secrets": ("get", "secrets", "-n", f"tenant-{VICTORIA}", "-o", "yaml"),
    "the hub's settings": ("get", "configmap/controlplane", "-n", "controlplane-system"),
    "a Tenant": ("get", "tenants"),
    "change a Tenant": ("patch", f"tenant/{VICTORIA}", "--type=merge", "-p", '{{"spec":{{"clusters":{{}}}}}}'),
    "another's Application": ("get", "applications", "-n", f"tenant-{VICTORIA}"),
}


@pytest.mark.parametrize("name", WRITES)
async def test_on_the_hub(mounted: Field, thief: Thief, name: str, stopped: Stopped) -> None:
    work = (await her_work(mounted))["metadata"]["name"]
    ran = await thief.tries(*(part.format(work=work) for part in WRITES[name]))
    assert ran.code != 0, f"nothing stopped it: {name}\n{ran.out}"
    assert "orbidden" in ran.err, ran.err
    await mounted.unharmed()
    stopped(name, Wall.KUBERNETES, "Forbidden")


@pytest.mark.parametrize("namespace", ["cluster-west", "cluster-east"])
async def test_a_work_of_its_own_making(mounted: Field, thief: Thief, namespace: str, stopped: Stopped) -> None:
    body = WORK | {"metadata": {"name": "stolen", "namespace": namespace}}
    ran = await thief.tries(*CREATE, body=body)
    assert (ran.code, "orbidden" in ran.err) == (1, True), ran.err
    assert await mounted.hub.get("Work", "stolen", namespace) is None
    stopped(f"a Work of its own making in {namespace}", Wall.KUBERNETES, "Forbidden")


@pytest.mark.parametrize(
    "how", ["as its Work", "by a Work of mine", "as another Work's", "with a token for the API server"]
)
async def test_another_clusters_artifact_by_its_digest(
    mounted: Field, thief: Thief, how: str, stopped: Stopped
) -> None:
    """It knows the digest, and has a Work of its own; that the way leads to something is shown by what is its own."""
    hers = await her_work(mounted)
    mine = await own_work(mounted)
    token = await thief.token()
    url = mounted.system.facts["artifacts"]["url"]
    digest = hers["spec"]["artifact"]["digest"]
    work = {
        "as its Work": hers,
        "by a Work of mine": mine,
        "with a token for the API server": mine,
        "as another Work's": {"metadata": {"namespace": "cluster-west", "name": hers["metadata"]["name"]}},
    }[how]["metadata"]
    if how == "with a token for the API server":
        ran = await thief.tries("create", "token", "agent", "-n", "cluster-west")
        token = ran.out.strip()
    async with aiohttp.ClientSession() as session:

        async def get(meta: Body, wanted: str) -> tuple[int, bytes]:
            path = f"{url}/v1/artifacts/{meta['namespace']}/{meta['name']}/{wanted}"
            async with session.get(path, headers={"Authorization": f"Bearer {token}"}) as answer:
                return answer.status, await answer.read()

        if how != "with a token for the API server":
            assert (await get(mine["metadata"], mine["spec"]["artifact"]["digest"]))[0] == 200
        status, content = await get(work, digest)
    assert status in (401, 403)
    assert not content.startswith(b"\x1f\x8b")
    stopped(f"another cluster's artifact by its digest, {how}", Wall.HUB_GATE, f"{status}")


async def test_labels_by_way_of_the_status(mounted: Field, thief: Thief, stopped: Stopped) -> None:
    """An agent may write its Cluster's status, which no selector or policy reads; labels do not come in that way."""
    patch = {"metadata": {"labels": {"env": "mallory"}}, "status": {"agent": {"version": "9"}}}
    ran = await thief.tries("patch", "cluster/west", "--subresource=status", "--type=merge", "-p", json.dumps(patch))
    west = await mounted.hub.get("Cluster", "west")
    assert west, ran.err
    assert west["metadata"]["labels"]["env"] == "prod"
    await mounted.unharmed()
    stopped("labels by way of the status", Wall.KUBERNETES, "a status changes no metadata")
