"""Whether a person may do what a command is about to ask for, by the rules themselves, so that a no says rule, file, line and commit.

The API server asks the same table at the write (deploy/hub/42-people-admission.yaml) and has the last word: where the table is
not there, or cannot be read by whoever asks, it alone answers.
"""

from dataclasses import dataclass

from controlplane.api.keys import TenantName
from controlplane.api.labels import ANNOTATION_PEOPLE, HUB_NAMESPACE, PEOPLE, PLATFORM
from controlplane.api.names import tenant_of_namespace
from controlplane.cli.errors import CliError, ExitCode
from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, KubeError, NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES
from controlplane.policy.charter import Charter
from controlplane.policy.people import Person, is_bound

__all__ = ["Asker", "check"]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who the API server says that we are; username "" where it does not say."""

    username: str
    groups: tuple[str, ...] = ()

    @classmethod
    async def of(cls, client: Client) -> "Asker":
        """Ask the API server."""
        kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = await client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=kind)
            info = answer["status"]["userInfo"]
            return cls(str(info["username"]), tuple(info.get("groups") or ()))
        except (KubeError, KeyError):
            return cls("")


async def check(client: Client, asker: Asker, namespace: str, resource: str, action: str, name: str) -> None:
    """Raise CliError with the reason if the rules say no. namespace: of the object, on the hub."""
    tenant = tenant_of_namespace(namespace)
    if tenant is None or not asker.username or not is_bound(asker.username, asker.groups):
        return
    charter = await _charter(client, tenant, namespace)
    if charter is None:
        return
    answer = charter.may(Person(asker.username, asker.groups), tenant, resource, action, name)
    if answer.allowed or (answer.rule is None and await _needs_no_grant(client)):
        return
    raise CliError(answer.message, ExitCode.NO_ACCESS)


async def _charter(client: Client, tenant: TenantName, namespace: str) -> Charter | None:
    try:
        if tenant == PLATFORM:
            body = await client.get(CONFIGMAPS, PEOPLE, HUB_NAMESPACE)
            text = (body.get("data") or {}).get("table")
        else:
            body = await client.get(NAMESPACES, namespace)
            text = (body["metadata"].get("annotations") or {}).get(ANNOTATION_PEOPLE)
        return Charter.read(text) if text else None
    except (Forbidden, NotFound, ValueError):
        return None


async def _needs_no_grant(client: Client) -> bool:
    """Whoever could take the admission policy away needs no grant of the rules: the policy says so itself."""
    attributes = {"group": "admissionregistration.k8s.io", "resource": "validatingadmissionpolicies", "verb": "delete"}
    review: Body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = await client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review)
    except KubeError:
        return True  # nobody knows: the API server decides at the write
    return bool((answer.get("status") or {}).get("allowed"))
