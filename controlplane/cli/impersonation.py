"""Which form of impersonation a member knows, found out by trying it as the agent.

The version alone does not tell: constrained impersonation can be off on a cluster whose version has it on by default, and
where both forms are granted the classic one wins, whose limits are wider.
"""

import asyncio
from dataclasses import replace

from controlplane.api.keys import NamespacedName
from controlplane.cli.errors import CliError
from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig
from controlplane.kube.errors import Forbidden, NotFound, Unauthorized
from controlplane.kube.resource import Resource
from controlplane.kube.token import Token, request_token

__all__ = ["knows_constrained"]

_LIFETIME_S = 600  # the shortest that an API server gives
_SETTLED_S = 30.0  # for the new rights to reach the authorizer, and a new ServiceAccount the authenticator
_AGAIN_S = 0.1  # neither can be watched
_AS = NamespacedName(
    "controlplane-tenants", "controlplane-probe"
)  # need not be there: nothing is done but to ask who one is
_WHO_AM_I = Resource("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", False)
_MAY = Resource("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", False)
_GRANTS = (  # what deploy/agent/40-impersonation.yaml gives, as it is asked for the try
    {"verb": "impersonate:serviceaccount", "group": "authentication.k8s.io", "resource": "serviceaccounts",
     "namespace": _AS.namespace, "name": _AS.name},
    {"verb": "impersonate-on:serviceaccount:create", "group": _WHO_AM_I.group, "resource": _WHO_AM_I.plural},
)  # fmt: skip


async def knows_constrained(member: Client, agent: NamespacedName) -> bool:
    """Whether the agent can act as a ServiceAccount by the constrained grants, which have just been installed.

    member: as whoever joins it. Raises CliError where the grants do not take effect, KubeError.
    """
    try:
        async with asyncio.timeout(_SETTLED_S):
            for grant in _GRANTS:
                await _in_force(member, agent, grant)
            token = await request_token(member, agent, lifetime_s=_LIFETIME_S)
            async with Client(_as_agent(member.config, token)) as client:
                await _known(client)
                return await _acts(client)
    except TimeoutError:
        raise CliError(f"the rights of {agent} have not taken effect within {_SETTLED_S:.0f} s: try again") from None


async def _in_force(member: Client, agent: NamespacedName, grant: dict[str, str]) -> None:
    """Wait until the authorizer knows a grant of the agent's."""
    spec = {"user": f"system:serviceaccount:{agent.namespace}:{agent.name}", "resourceAttributes": grant}
    body = {"apiVersion": _MAY.api_version, "kind": _MAY.kind, "spec": spec}
    while True:
        if (await member.create(_MAY, body))["status"].get("allowed"):
            return
        await asyncio.sleep(_AGAIN_S)


def _as_agent(config: ClusterConfig, token: Token) -> ClusterConfig:
    return replace(config, client_cert=None, client_key=None, token=token.text, token_file=None, token_source=None)


async def _known(client: Client) -> None:
    """Wait until the API server takes the agent's token: its ServiceAccount may be a moment old."""
    while True:
        try:
            await client.create(_WHO_AM_I, {"apiVersion": _WHO_AM_I.api_version, "kind": _WHO_AM_I.kind})
        except Unauthorized:
            await asyncio.sleep(_AGAIN_S)
        else:
            return


async def _acts(client: Client) -> bool:
    body = {"apiVersion": _WHO_AM_I.api_version, "kind": _WHO_AM_I.kind}
    try:
        await client.create(_WHO_AM_I, body, impersonate=_AS)
    except Forbidden:
        return False
    except NotFound:  # an API server from before SelfSubjectReview knows nothing of constraints either
        return False
    return True
