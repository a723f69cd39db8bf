"""The ticket by which a new agent joins, or an old one joins again: made by whoever may write the cluster's namespace on the hub."""

from controlplane.api.keys import NamespacedName
from controlplane.api.ticket import JOIN_AUDIENCE, JOINER, Ticket
from controlplane.cli.errors import CliError
from controlplane.cli.until import until
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import CONFIGMAPS, SERVICE_ACCOUNTS
from controlplane.kube.token import request_token

__all__ = ["issue_ticket"]

_LIFETIME_S = 3600
_HUB_SAYS_S = 60.0
_CONFIG = "controlplane-hub"  # in cluster-<name>: written by the hub when it has seen the Cluster


async def issue_ticket(hub: Client, cluster: str) -> Ticket:
    """Make the one ticket of a cluster; one that was made before is good no more. Raises CliError, KubeError.

    The cluster is on the hub already. Waits for the hub to say where it serves agents.
    """
    namespace = f"cluster-{cluster}"
    try:
        told = await until(hub, CONFIGMAPS, _CONFIG, namespace, done=_says, timeout_s=_HUB_SAYS_S)
    except TimeoutError:
        raise CliError(
            f"the hub has not said within {_HUB_SAYS_S:.0f} s where cluster {cluster} reaches it: does the hub run? "
            f"The cluster is registered; run the same command again"
        ) from None
    data = (told or {}).get("data") or {}
    try:
        await hub.delete(SERVICE_ACCOUNTS, JOINER, namespace)
    except NotFound:
        pass
    meta = {"name": JOINER, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "controlplane"}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "automountServiceAccountToken": False}
    await hub.create(SERVICE_ACCOUNTS, account, namespace)
    joiner = NamespacedName(namespace, JOINER)
    token = await request_token(hub, joiner, audiences=(JOIN_AUDIENCE,), lifetime_s=_LIFETIME_S)
    return Ticket(data["artifacts"], data.get("artifacts-ca") or "", token.text)


def _says(config: Body | None) -> bool:
    return config is not None and bool((config.get("data") or {}).get("artifacts"))
