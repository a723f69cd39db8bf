"""`cpctl cluster remove`: what runs there is pruned first; a cluster that is gone is let go of."""

from collections.abc import Iterable

from controlplane.api.labels import ANNOTATION_GONE, HUB_NAMESPACE
from controlplane.cli.applying import MANAGER, Applier
from controlplane.cli.bundle import documents
from controlplane.cli.connect import config_of, connect, opened
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.member import Member, everything
from controlplane.cli.options import Place
from controlplane.cli.until import until
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import CLUSTERS, NAMESPACES, WORKS

__all__ = ["remove_cluster"]


async def remove_cluster(where: Place, name: str, *, force: bool, member: Place | None, timeout_s: float) -> list[str]:
    """Delete a Cluster and wait until the hub has let go of it; gives lines for the person.

    force: nobody is there to prune (the cluster is gone). member: also take the agent's rights off the cluster.
    Raises CliError.
    """
    async with connect(where) as client:
        hub_id = (await client.get(NAMESPACES, HUB_NAMESPACE))["metadata"]["uid"]
        try:
            if force:
                gone = {"metadata": {"annotations": {ANNOTATION_GONE: "true"}}}
                await client.patch(CLUSTERS, name, gone, field_manager=MANAGER)
            await client.delete(CLUSTERS, name)
        except NotFound as err:
            if err.kind_missing:
                raise
            raise CliError(f"there is no cluster {name}; see: cpctl cluster list") from err
        await _gone(client, name, timeout_s)
        await Applier(client).delete(reversed(documents("deploy/cluster", {"cluster": name})))
    told = [f"cluster {name} is removed from the hub"]
    if force:
        told.append("what ran there was not touched: if the cluster still exists, its agent holds everything as it is")
    if member is not None:
        async with opened(config_of(member.kubeconfig, member.context)) as there:
            await Applier(there).delete(await _without_hub(there, everything(Member(name, hub="")), hub_id))
        told.append("the agent and its rights are removed from the member")
    return told


async def _without_hub(member: Client, bodies: Iterable[Body], hub_id: str) -> list[Body]:
    """All of them, but not the namespace of the hub itself where it was its own member."""
    try:
        itself = (await member.get(NAMESPACES, HUB_NAMESPACE))["metadata"]["uid"] == hub_id
    except NotFound:
        itself = False
    return [b for b in bodies if not (itself and b["kind"] == "Namespace" and b["metadata"]["name"] == HUB_NAMESPACE)]


async def _gone(client: Client, name: str, timeout_s: float) -> None:
    try:
        await until(client, CLUSTERS, name, done=lambda body: body is None, timeout_s=timeout_s)
    except TimeoutError:
        left = (await client.list(WORKS, f"cluster-{name}")).items
        raise CliError(
            f"after {timeout_s:g} s {len(left)} deliveries are still on {name}: its agent prunes them, and then it goes "
            f"by itself; if the cluster is gone for good: cpctl cluster remove {name} --force",
            ExitCode.NOT_READY,
        ) from None
