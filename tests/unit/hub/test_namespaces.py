"""A tenant's namespace on the hub: made with what its tenant may use, in one write, and written again only when that changed."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controlplane.api.keys import TenantName
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.policies import Policies
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.policy.charter import Charter
from controlplane.policy.people import Person
from controlplane.policy.rules import builtin_model, builtin_rules, read_csv
from tests.objects import a_tenant

PAYMENTS, HOME = TenantName("payments"), "tenant-payments"
SOURCES, NAMESPACES = "controlplane.dev/allowed-sources", "controlplane.dev/allowed-namespaces"


class FakeClient:
    """Keeps what is applied, and lists what stands there."""

    def __init__(self, *there: dict[str, Any]) -> None:
        self.there = there
        self.applied: list[dict[str, Any]] = []

    async def apply(self, resource: Any, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.applied.append(body)
        return body

    async def get(self, resource: Any, name: str, namespace: str) -> dict[str, Any]:
        for body in self.there:
            if (body["kind"], body["metadata"]["name"]) == (resource.kind, name):
                return body
        raise NotFound(404, "NotFound", name)

    async def list(self, resource: Any, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(items=[body for body in self.there if body["kind"] == resource.kind])


def over(client: FakeClient, **spec: Any) -> tuple[Namespaces, Policies]:
    policies = Policies()
    policies.tenant(a_tenant(**spec))
    return Namespaces(cast(Client, client), policies), policies


@pytest.mark.parametrize("call", ["ensure_tenant", "tell_facts"])
async def test_a_namespace_is_never_there_without_its_facts(call: str) -> None:
    client = FakeClient()
    namespaces, _ = over(client)
    await getattr(namespaces, call)(PAYMENTS)
    (body,) = client.applied
    assert body["metadata"]["name"] == HOME
    assert body["metadata"]["labels"] == {"controlplane.dev/tenant": "payments"}
    assert "git\\.example\\.com" in body["metadata"]["annotations"][SOURCES]
    assert body["metadata"]["annotations"][NAMESPACES] == "(?s)^(?:payments)$"


async def test_what_stands_there_is_written_again_only_when_it_changed() -> None:
    client = FakeClient()
    namespaces, policies = over(client)
    for _ in range(2):
        await namespaces.ensure_tenant(PAYMENTS)
        await namespaces.tell_facts(PAYMENTS)
    assert len(client.applied) == 1
    policies.tenant(a_tenant(namespaces=[{"name": "payments"}, {"name": "jobs"}]))
    await namespaces.ensure_tenant(PAYMENTS)
    assert len(client.applied) == 1
    await namespaces.tell_facts(PAYMENTS)
    assert client.applied[1]["metadata"]["annotations"][NAMESPACES] == "(?s)^(?:jobs|payments)$"


async def test_a_restart_writes_nothing_and_an_older_namespace_gets_its_facts() -> None:
    first = FakeClient()
    await over(first)[0].tell_facts(PAYMENTS)
    (there,) = first.applied
    after = FakeClient(there)
    namespaces, _ = over(after)
    await namespaces.load()
    await namespaces.tell_facts(PAYMENTS)
    assert after.applied == []
    older = FakeClient({**there, "metadata": {**there["metadata"], "annotations": None}})
    namespaces, _ = over(older)
    await namespaces.load()
    await namespaces.tell_facts(PAYMENTS)
    assert older.applied == [there]


async def test_what_may_be_gone_is_made_again() -> None:
    client = FakeClient()
    namespaces, _ = over(client)
    await namespaces.ensure_tenant(PAYMENTS)
    namespaces.forget(PAYMENTS)
    await namespaces.ensure_tenant(PAYMENTS)
    assert client.applied[0] == client.applied[1]


async def test_the_platform_has_its_namespace_already() -> None:
    client = FakeClient()
    namespaces, _ = over(client)
    await namespaces.ensure_tenant(TenantName("platform"))
    assert client.applied == []


PEOPLE = "controlplane.dev/people"
OWN_MODEL = builtin_model().replace('p.action == "*"', 'p.action == "any"')


async def test_what_people_may_write_stands_there_too_where_it_can_be_said() -> None:
    client = FakeClient()
    namespaces, policies = over(client, members=[{"user": "ann", "role": "viewer"}])
    assert await namespaces.tell_facts(PAYMENTS)
    text = client.applied[0]["metadata"]["annotations"][PEOPLE]
    assert Charter.read(text).members == ()  # a viewer writes nothing
    policies.tenant(a_tenant(members=[{"user": "ann", "role": "developer"}]))
    assert await namespaces.tell_facts(PAYMENTS)
    text = client.applied[1]["metadata"]["annotations"][PEOPLE]
    assert Charter.read(text).may(Person("ann"), PAYMENTS, "applications", "sync", "web").allowed
    policies.current = policies.current.with_rules(builtin_rules(), OWN_MODEL)
    assert not await namespaces.tell_facts(PAYMENTS)
    assert PEOPLE not in client.applied[2]["metadata"]["annotations"]


async def test_what_the_platforms_people_may_write_is_told_once() -> None:
    client = FakeClient()
    namespaces, policies = over(client)
    rules = builtin_rules() + read_csv("g, group:ops, admin, platform", "people.csv")
    policies.current = policies.current.with_rules(rules)
    for _ in range(2):
        await namespaces.tell_platform()
    (body,) = client.applied
    made = Charter.read(body["data"]["table"])
    assert made.may(Person("", ("ops",)), TenantName("platform"), "tenants", "create", "x").allowed
    again = FakeClient(body)
    namespaces, policies = over(again)
    policies.current = policies.current.with_rules(rules)
    await namespaces.load()
    await namespaces.tell_platform()
    assert again.applied == []
