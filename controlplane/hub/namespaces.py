"""The hub's own namespaces: `tenant-<name>`, with the RoleBindings of the tenant's members, and what is in `cluster-<name>`."""

from typing import Any, Final

from controlplane.api.keys import TenantName
from controlplane.api.labels import (
    ANNOTATION_ALLOWED_CLUSTERS,
    ANNOTATION_ALLOWED_NAMESPACES,
    ANNOTATION_ALLOWED_SOURCES,
    ANNOTATION_PEOPLE,
    HUB_NAMESPACE,
    LABEL_TENANT,
    PEOPLE,
    PLATFORM,
)
from controlplane.api.names import tenant_namespace
from controlplane.api.tenant import Member, Tenant
from controlplane.hub.policies import Policies
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, NotFound
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES, Resource
from controlplane.policy.charter import charter
from controlplane.policy.compile import subject_of
from controlplane.policy.early import early

__all__ = ["Namespaces"]

_MANAGER: Final = "controlplane-hub"
_ROLE_BINDINGS: Final = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", True)
_OWN_ROLE: Final = "controlplane-hub-tenant"
_FACTS: Final = (
    ANNOTATION_ALLOWED_SOURCES,
    ANNOTATION_ALLOWED_NAMESPACES,
    ANNOTATION_ALLOWED_CLUSTERS,
    ANNOTATION_PEOPLE,
)
_OURSELVES: Final = {"kind": "ServiceAccount", "name": "controlplane-hub", "namespace": HUB_NAMESPACE}
_Subjects = list[dict[str, str]]
_Facts = dict[str, str]


class Namespaces:
    """Makes and removes them. What is there is known, from one look at the start and from our own writes since, so that
    asking again costs nothing, and a restart of the hub writes nothing.
    """

    def __init__(self, client: Client, policies: Policies) -> None:
        self._client = client
        self._policies = policies
        self._made: dict[str, _Facts] = {}  # namespace -> what stands on it for the API server's early refusal
        self._bound: dict[str, dict[str, _Subjects]] = {}  # namespace -> RoleBinding -> subjects
        self._platform: str | None = None  # what the platform's people may write, as it is told; None = unknown

    async def load(self) -> None:
        """Read what is there of ours; once, at the start."""
        for body in (await self._client.list(NAMESPACES, label_selector=LABEL_TENANT)).items:
            if body["metadata"].get("deletionTimestamp") is None:
                annotations = body["metadata"].get("annotations") or {}
                self._made[body["metadata"]["name"]] = {n: annotations[n] for n in _FACTS if n in annotations}
        try:
            people = await self._client.get(CONFIGMAPS, PEOPLE, HUB_NAMESPACE)
            self._platform = (people.get("data") or {}).get("table", "")
        except NotFound:
            pass
        for body in (await self._client.list(_ROLE_BINDINGS, label_selector=LABEL_TENANT)).items:
            meta = body["metadata"]
            self._bound.setdefault(meta["namespace"], {})[meta["name"]] = body.get("subjects") or []

    async def ensure_tenant(self, tenant: TenantName) -> None:
        """The namespace that holds a tenant's Applications and Repositories."""
        if tenant != PLATFORM and tenant_namespace(tenant) not in self._made:
            await self._write(tenant, self._facts(tenant))

    async def tell_facts(self, tenant: TenantName) -> bool:
        """The same, and what the API server may hold them against as it is now. Nothing is written that stands there.

        Returns whether what people may write is among it.
        """
        facts = self._facts(tenant)
        if self._made.get(tenant_namespace(tenant)) != facts:
            await self._write(tenant, facts)
        return ANNOTATION_PEOPLE in facts

    async def tell_platform(self) -> None:
        """What the platform's own people may write. Nothing is written that stands there."""
        people = charter(self._policies.current, TenantName(PLATFORM))
        text = people.text() if people is not None else ""
        if self._platform != text:
            metadata = {"name": PEOPLE, "namespace": HUB_NAMESPACE}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"table": text}}
            await self._client.apply(CONFIGMAPS, body, field_manager=_MANAGER, force=True)
            self._platform = text

    def _facts(self, tenant: TenantName) -> _Facts:
        found = early(self._policies.current, tenant)
        facts = {
            ANNOTATION_ALLOWED_SOURCES: found.sources,
            ANNOTATION_ALLOWED_NAMESPACES: found.namespaces,
            ANNOTATION_ALLOWED_CLUSTERS: found.clusters,
        }
        people = charter(self._policies.current, tenant)
        return facts if people is None else facts | {ANNOTATION_PEOPLE: people.text()}

    async def _write(self, tenant: TenantName, facts: _Facts) -> None:
        """In one write: a namespace that is there without facts admits nothing, and none is ever there so."""
        name = tenant_namespace(tenant)
        metadata = {"name": name, "labels": {LABEL_TENANT: str(tenant)}, "annotations": facts}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        await self._client.apply(NAMESPACES, body, field_manager=_MANAGER, force=True)
        self._made[name] = facts

    def forget(self, tenant: TenantName) -> None:
        """What is known of a tenant may be gone: make it again when it is asked for."""
        self._made.pop(tenant_namespace(tenant), None)
        self._bound.pop(tenant_namespace(tenant), None)

    async def bind_roles(self, tenant: Tenant, unbound: frozenset[str] = frozenset()) -> None:
        """One RoleBinding for each of the three built-in roles that has members, and the hub's own, which lets it read
        the credentials that Repositories name.

        unbound: subjects (`user:…`, `group:…`) of whom RBAC cannot say what the policy says: no RoleBinding names them.
        """
        name = TenantName(tenant.metadata.name)
        bound = self._bound.setdefault(tenant_namespace(name), {})
        wanted: dict[str, _Subjects] = {_OWN_ROLE: [_OURSELVES]}
        for member in tenant.spec.members:
            if subject_of(member) in unbound:
                continue
            wanted.setdefault(f"controlplane-{member.role}", []).append(_subject(member))
        for role, subjects in wanted.items():
            if bound.get(role) != subjects:
                await self._bind(role, name, subjects)
                bound[role] = subjects
        for role in bound.keys() - wanted.keys():
            try:
                await self._client.delete(_ROLE_BINDINGS, role, tenant_namespace(name))
            except NotFound:
                pass
            del bound[role]

    async def _bind(self, role: str, tenant: TenantName, subjects: _Subjects) -> None:
        body: dict[str, Any] = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role, "namespace": tenant_namespace(tenant), "labels": {LABEL_TENANT: str(tenant)}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": subjects,
        }
        await self._client.apply(_ROLE_BINDINGS, body, field_manager=_MANAGER, force=True)

    async def remove(self, name: str) -> None:
        """Delete a namespace; no error where there is none."""
        self._made.pop(name, None)
        self._bound.pop(name, None)
        try:
            await self._client.delete(NAMESPACES, name)
        except NotFound:
            pass
        except Conflict:
            pass  # it is terminating already


def _subject(member: Member) -> dict[str, str]:
    kind, name = ("User", member.user) if member.user is not None else ("Group", member.group)
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name or ""}
