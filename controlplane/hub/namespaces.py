"""The hub's own namespaces: `tenant-<name>`, with the RoleBindings of the tenant's members, and what is in `cluster-<name>`."""

from collections.abc import Mapping
from typing import Any, Final

from controlplane.api.keys import TenantName
from controlplane.api.labels import HUB_NAMESPACE, LABEL_TENANT, PLATFORM
from controlplane.api.names import tenant_namespace
from controlplane.api.tenant import Member, Tenant
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, NotFound
from controlplane.kube.resource import NAMESPACES, Resource

__all__ = ["Namespaces"]

_MANAGER: Final = "controlplane-hub"
_ROLE_BINDINGS: Final = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", True)
_ROLES: Final = ("viewer", "developer", "admin")


class Namespaces:
    """Makes and removes them. What was made by this process is remembered, so that a second asking costs nothing."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._made: set[str] = set()
        self._bound: dict[str, object] = {}

    async def ensure_tenant(self, tenant: TenantName) -> None:
        """The namespace that holds a tenant's Applications and Repositories."""
        name = tenant_namespace(tenant)
        if tenant == PLATFORM or name in self._made:
            return
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {LABEL_TENANT: str(tenant)}},
        }
        await self._client.apply(NAMESPACES, body, field_manager=_MANAGER, force=True)
        self._made.add(name)

    def forget(self, tenant: TenantName) -> None:
        """What this process made for a tenant may be gone: make it again when it is asked for."""
        self._made.discard(tenant_namespace(tenant))
        self._bound.pop(tenant_namespace(tenant), None)

    async def bind_roles(self, tenant: Tenant) -> None:
        """One RoleBinding for each of the three built-in roles that has members, and the hub's own, which lets it read
        the credentials that Repositories name."""
        namespace = tenant_namespace(TenantName(tenant.metadata.name))
        if self._bound.get(namespace) == tenant.spec.members:
            return
        hub = {"kind": "ServiceAccount", "name": "controlplane-hub", "namespace": HUB_NAMESPACE}
        await self._bind("controlplane-hub-tenant", namespace, [hub])
        for role in _ROLES:
            name = f"controlplane-{role}"
            subjects = [_subject(member) for member in tenant.spec.members if member.role == role]
            if subjects:
                await self._bind(name, namespace, subjects)
            else:
                try:
                    await self._client.delete(_ROLE_BINDINGS, name, namespace)
                except NotFound:
                    pass
        self._bound[namespace] = tenant.spec.members

    async def _bind(self, name: str, namespace: str, subjects: list[Mapping[str, str]]) -> None:
        body: dict[str, Any] = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": subjects,
        }
        await self._client.apply(_ROLE_BINDINGS, body, field_manager=_MANAGER, force=True)

    async def remove(self, name: str) -> None:
        """Delete a namespace; no error where there is none."""
        self._made.discard(name)
        self._bound.pop(name, None)
        try:
            await self._client.delete(NAMESPACES, name)
        except NotFound:
            pass
        except Conflict:
            pass  # it is terminating already


def _subject(member: Member) -> Mapping[str, str]:
    kind, name = ("User", member.user) if member.user is not None else ("Group", member.group)
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name or ""}
