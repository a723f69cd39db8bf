"""RoleBindings of a tenant's members: one for each role, nobody in them of whom RBAC could not say what the policy says."""

from typing import Any, cast

from controlplane.hub.namespaces import Namespaces
from controlplane.kube.client import Client
from controlplane.kube.resource import Resource
from tests.objects import a_tenant

MEMBERS = [
    {"user": "ann", "role": "viewer"},
    {"group": "devs", "role": "developer"},
    {"user": "bob", "role": "developer"},
]


class Cluster:
    """Stands for the API server: what was applied and not deleted."""

    def __init__(self) -> None:
        self.bindings: dict[str, list[str]] = {}
        self.writes = 0

    async def apply(self, _: Resource, body: dict[str, Any], **__: object) -> dict[str, Any]:
        self.writes += 1
        assert body["roleRef"]["name"] == body["metadata"]["name"]
        self.bindings[body["metadata"]["name"]] = [subject["name"] for subject in body["subjects"]]
        return body

    async def delete(self, _: Resource, name: str, namespace: str) -> None:
        assert namespace == "tenant-payments"
        self.writes += 1
        del self.bindings[name]


async def test_a_role_for_each_member_and_none_for_whom_rbac_cannot_describe() -> None:
    cluster = Cluster()
    namespaces, tenant = Namespaces(cast(Client, cluster)), a_tenant(members=MEMBERS)
    ours = {"controlplane-hub-tenant": ["controlplane-hub"]}
    all_of_them = {**ours, "controlplane-viewer": ["ann"], "controlplane-developer": ["devs", "bob"]}
    await namespaces.bind_roles(tenant)
    assert cluster.bindings == all_of_them
    writes = cluster.writes
    await namespaces.bind_roles(tenant)
    assert cluster.writes == writes
    await namespaces.bind_roles(tenant, frozenset({"user:ann", "user:bob"}))
    assert cluster.bindings == {**ours, "controlplane-developer": ["devs"]}
    await namespaces.bind_roles(tenant, frozenset({"group:ann", "user:devs"}))  # others, who are only called the same
    assert cluster.bindings == all_of_them
