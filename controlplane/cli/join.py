"""`cpctl cluster add` and `rejoin`: a cluster's place on the hub, and what its agent needs on the cluster itself.

Both API servers judge every manifest before either is changed. The hub gets no right on the member: whoever runs this
holds both kubeconfigs, and nothing of the member's is kept on the hub.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from controlplane.api.keys import GROUP, VERSION, NamespacedName
from controlplane.api.labels import AGENT_NAMESPACE, HUB_NAMESPACE
from controlplane.api.ticket import TICKET_FILE, Ticket
from controlplane.cli.applying import MANAGER, Applier
from controlplane.cli.bundle import documents, text_of
from controlplane.cli.connect import config_of, opened
from controlplane.cli.errors import CliError
from controlplane.cli.files import kubeconfig, write_kubeconfig, write_private
from controlplane.cli.impersonation import knows_constrained
from controlplane.cli.member import CONSTRAINED_SINCE, HARDENED, Member, manifests, minor_version, obsolete, pod
from controlplane.cli.options import Place
from controlplane.cli.ticket import issue_ticket
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import CLUSTERS, CONFIGMAPS, NAMESPACES, SERVICE_ACCOUNTS, Resource
from controlplane.kube.token import request_token
from controlplane.render.yaml import dump

__all__ = ["ANNOTATION_MEMBER", "Agent", "Joining", "join"]

ANNOTATION_MEMBER = "controlplane.dev/member"  # on a Cluster: uid of its kube-system, to tell two members apart
_AGENT = NamespacedName(AGENT_NAMESPACE, "controlplane-agent")  # on the member: ServiceAccount, ConfigMap, Deployment
_CREDENTIALS = "controlplane-hub"  # on the member: the Secret from which the Deployment reads the hub's kubeconfig
_PLATFORM_BINDING = "controlplane-platform"  # on the member: the platform's role
_MEMBER_TOKEN_LIFE_S = 365 * 86400  # for an agent outside of its cluster; the server may shorten it

_JOINED = "controlplane.dev/joined"  # on the Deployment's pods: when; a new value starts them again
_DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", True)
_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", False)


@dataclass(frozen=True, slots=True)
class Agent:
    """How the agent is to run: as a Deployment of an image, as a process from a folder, or by somebody else's hand."""

    image: str | None = None
    folder: Path | None = None
    print_only: bool = False  # print the member's manifests and write nothing there
    hub_server: str | None = None  # the hub's address as seen from the member


@dataclass(frozen=True, slots=True)
class Joining:
    """One join: who, where, with what."""

    name: str
    hub: Place
    member: Place | None  # None: only with print_only
    labels: Mapping[str, str]
    platform_role: str | None  # None = as it is there, none for a new cluster
    hardened: bool | None  # whether the agent sees only where it is bound; None = as it is there
    agent: Agent
    provides: tuple[str, ...] | None = None  # None = as the Cluster has it
    again: bool = False  # rejoin: replace credentials and hub, keep what the agent holds


async def join(joining: Joining) -> tuple[list[str], str]:
    """Join a cluster; gives lines for the person, and manifests to print ("" = none).

    Raises CliError: before anything is written, for a cluster that belongs to another hub or name, or a refused manifest.
    """
    async with opened(config_of(joining.hub.kubeconfig, joining.hub.context)) as hub, _member(joining) as member:
        facts = await _facts(joining, hub, member)
        here = documents("deploy/cluster", facts.values)
        there = manifests(facts)
        cluster = _cluster(joining, facts, await _uid(member) if member else "", await _existing(hub, joining.name))
        at_hub, at_member = Applier(hub), Applier(member) if member else None
        await at_hub.settle(here)
        await at_hub.check([*here, cluster])
        if at_member is not None:
            await at_member.settle(there)
            await at_member.check([body for body in there if not await _replaced(at_member.client, body)])
        if joining.again:
            await _revoke(hub, joining.name)
        await at_hub.apply([*here, cluster])  # last: the hub acts on it at once, with the rights that stand before it
        told = [f"cluster {joining.name} is on the hub, in namespace cluster-{joining.name}"]
        if at_member is not None and not joining.agent.print_only:
            facts = await _write_member(at_member, there, facts)
            told.append(f"the agent's rights are on the member ({_rights(facts)})")
        ticket = await issue_ticket(hub, joining.name)  # the last step but one: it is good for an hour
        if at_member is None or joining.agent.print_only:
            return told, text_of([*there, *_running(joining, facts, hub, ticket)])
        told += await _hand_over(joining, facts, hub, at_member, ticket)
        return told, ""


@asynccontextmanager
async def _member(joining: Joining) -> AsyncIterator[Client | None]:
    if joining.member is None:
        yield None
        return
    async with opened(config_of(joining.member.kubeconfig, joining.member.context)) as client:
        yield client


async def _facts(joining: Joining, hub: Client, member: Client | None) -> Member:
    try:
        hub_id = (await hub.get(NAMESPACES, HUB_NAMESPACE))["metadata"]["uid"]
        await hub.list(CLUSTERS, page_size=1)
    except NotFound:
        raise CliError(f"{hub.config.server} is no hub yet: cpctl install hub --kubeconfig …") from None
    facts = Member(joining.name, hub_id, joining.platform_role or "none", bool(joining.hardened))
    if member is None:
        return facts
    await _refuse_foreign(joining, hub, member, hub_id)
    constrained = minor_version(await member.version()) >= CONSTRAINED_SINCE
    role = joining.platform_role or await _role_there(member)
    hardened = await _hardened_there(member) if joining.hardened is None else joining.hardened
    return replace(facts, platform_role=role, hardened=hardened, constrained=constrained)


async def _refuse_foreign(joining: Joining, hub: Client, member: Client, hub_id: str) -> None:
    """Two members under one name, or one member under two hubs, would undo each other's work for ever."""
    again = f"cpctl cluster rejoin {joining.name}"
    existing = await _existing(hub, joining.name)
    if existing is not None and not joining.again:
        known = (existing["metadata"].get("annotations") or {}).get(ANNOTATION_MEMBER)
        if known and known != await _uid(member):
            raise CliError(f"the name {joining.name} belongs to another cluster: choose another, or let go of that one by "
                           f"cpctl cluster remove {joining.name}")  # fmt: skip
    try:
        config = await member.get(CONFIGMAPS, _AGENT.name, _AGENT.namespace)
    except NotFound:
        if joining.again and existing is None:
            raise CliError(f"this cluster has never been joined: cpctl cluster add {joining.name}") from None
        return
    data = config.get("data") or {}
    if not joining.again and data.get("hub") not in (None, hub_id):
        raise CliError(
            f"this cluster obeys another hub ({data['hub']}): {again} moves it to this one, and keeps what runs"
        )
    if data.get("cluster") not in (None, joining.name):
        raise CliError(f"this cluster is joined as {data['cluster']}: use that name, or remove it first")


async def _existing(hub: Client, name: str) -> Body | None:
    try:
        return await hub.get(CLUSTERS, name)
    except NotFound:
        return None


async def _uid(member: Client) -> str:
    return str((await member.get(NAMESPACES, "kube-system"))["metadata"]["uid"])


async def _role_there(member: Client) -> str:
    try:
        return str((await member.get(_BINDINGS, _PLATFORM_BINDING))["roleRef"]["name"])
    except NotFound:
        return "none"


async def _hardened_there(member: Client) -> bool:
    try:
        config = await member.get(CONFIGMAPS, _AGENT.name, _AGENT.namespace)
    except NotFound:
        return False
    return (config.get("data") or {}).get("mode") == HARDENED


def _cluster(joining: Joining, facts: Member, uid: str, existing: Body | None) -> Body:
    """The Cluster as it is written. Labels that are there stay: taking one away would move what runs there."""
    before = existing or {}
    meta: Body = {
        "name": joining.name,
        "labels": {**(before.get("metadata", {}).get("labels") or {}), **joining.labels},
        "annotations": {ANNOTATION_MEMBER: uid} if uid else {},
    }
    spec = {**(before.get("spec") or {}), "platformRole": facts.platform_role}
    if joining.provides is not None:
        spec["provides"] = list(joining.provides)
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Cluster", "metadata": meta, "spec": spec}


async def _revoke(hub: Client, name: str) -> None:
    """Every token of the agent ends with its ServiceAccount."""
    try:
        await hub.delete(SERVICE_ACCOUNTS, "agent", f"cluster-{name}")
    except NotFound:
        pass


async def _replaced(member: Client, body: Body) -> bool:
    """Whether it is the platform's binding and gives another role than there: a binding's role cannot be changed."""
    if body["kind"] != "ClusterRoleBinding" or body["metadata"]["name"] != _PLATFORM_BINDING:
        return False
    return await _role_there(member) not in ("none", body["roleRef"]["name"])


async def _write_member(member: Applier, bodies: list[Body], facts: Member) -> Member:
    """Install what the member needs; gives what was found out about it by that."""
    await member.delete([body for body in bodies if await _replaced(member.client, body)])
    await member.apply(bodies)
    await member.delete(obsolete(facts))
    if facts.constrained and not await knows_constrained(member.client, _AGENT):
        facts = replace(facts, constrained=False)
        await member.apply(manifests(facts))
        await member.delete(obsolete(facts))
    return facts


def _running(joining: Joining, facts: Member, hub: Client, ticket: Ticket) -> list[Body]:
    """What the agent gets its credentials by, and its Deployment where an image was named."""
    config = kubeconfig(hub.config, name="hub", token_file="hub.token", server=joining.agent.hub_server)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": _CREDENTIALS, "namespace": AGENT_NAMESPACE, "labels": {"app.kubernetes.io/part-of": "controlplane"},
        },
        "data": {"hub.kubeconfig": _base64(dump(config)), TICKET_FILE: _base64(ticket.text())},
    }  # fmt: skip
    if joining.agent.image is None:
        return [secret]
    return [secret, *pod(facts, joining.agent.image, datetime.now(UTC).isoformat(timespec="seconds"))]


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


async def _hand_over(joining: Joining, facts: Member, hub: Client, member: Applier, ticket: Ticket) -> list[str]:
    if (folder := joining.agent.folder) is not None:
        issued = await request_token(member.client, _AGENT, lifetime_s=_MEMBER_TOKEN_LIFE_S)
        write_kubeconfig(folder, member.client.config, issued, name="agent")
        write_kubeconfig(folder, hub.config, None, name="hub", server=joining.agent.hub_server)
        write_private(folder / TICKET_FILE, ticket.text().encode())
        command = (
            f"controlplane-agent --cluster {joining.name} --kubeconfig agent.kubeconfig --hub-kubeconfig hub.kubeconfig"
        )
        return [f"credentials for an agent as a process are in {folder}; there: {command} --data-dir …"]
    bodies = _running(joining, facts, hub, ticket)
    await member.check(bodies)
    await member.apply(bodies)
    if joining.agent.image is not None:
        return [f"Deployment {_AGENT} runs {joining.agent.image}; see: cpctl cluster list"]
    if await _restarted(member.client):
        return [f"Deployment {_AGENT} starts again with its new credentials"]
    return [f"its credentials are in Secret {AGENT_NAMESPACE}/{_CREDENTIALS}; no agent runs yet: name an --image"]


async def _restarted(member: Client) -> bool:
    """Start the agent's Deployment again, where there is one."""
    annotations = {_JOINED: datetime.now(UTC).isoformat(timespec="seconds")}
    patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    try:
        await member.patch(_DEPLOYMENTS, _AGENT.name, patch, _AGENT.namespace, field_manager=MANAGER)
    except NotFound:
        return False
    return True


def _rights(facts: Member) -> str:
    classic = "" if facts.constrained else ", classic impersonation: the cluster has no constrained one (KEP-5284)"
    hardened = ", hardened: it sees only where it is bound" if facts.hardened else ""
    return f"platform role: {facts.platform_role}{hardened}{classic}"
