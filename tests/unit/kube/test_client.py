"""The verbs as requests on the wire, and what comes back."""

from typing import Any

import orjson
import pytest

from controlplane.api.keys import NamespacedName
from controlplane.kube.errors import Conflict, NotFound, Unreachable
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES, WORKS
from tests.unit.kube.fake_api import api_and_client, reply

OBJECT: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"}}


async def test_an_impersonated_apply_on_the_wire() -> None:
    async with api_and_client(reply(OBJECT, headers={"Warning": '299 - "it is \\"old\\""'})) as (api, client):
        warnings: list[str] = []
        answer = await client.apply(
            CONFIGMAPS,
            OBJECT,
            field_manager="controlplane:1",
            force=True,
            uid="u-1",
            dry_run=True,
            impersonate=NamespacedName("controlplane-tenants", "pay"),
            warnings=warnings,
        )
    (seen,) = api.seen
    assert answer == OBJECT
    assert (seen.method, seen.path) == ("PATCH", "/api/v1/namespaces/ns/configmaps/a")
    assert seen.query == {"fieldManager": "controlplane:1", "force": "true", "dryRun": "All"}
    assert orjson.loads(seen.body) == {**OBJECT, "metadata": {"name": "a", "namespace": "ns", "uid": "u-1"}}
    assert "uid" not in OBJECT["metadata"], "the caller's object is left alone"
    assert seen.headers["Content-Type"] == "application/apply-patch+yaml"
    assert seen.headers["Accept-Encoding"] == "identity"
    assert {k: v for k, v in seen.headers.items() if k.startswith("Impersonate-")} == {
        "Impersonate-User": "system:serviceaccount:controlplane-tenants:pay"
    }
    assert warnings == ['it is "old"']


async def test_every_verb_reaches_its_place() -> None:
    async with api_and_client(*[reply(OBJECT)] * 8) as (api, client):
        await client.get(CONFIGMAPS, "a", "ns")
        await client.get(NAMESPACES, "ns", subresource="status")
        await client.create(CONFIGMAPS, OBJECT)
        await client.replace(CONFIGMAPS, OBJECT)
        await client.update_status(WORKS, OBJECT)
        await client.patch(CONFIGMAPS, "a", {"data": None}, "ns")
        await client.delete(CONFIGMAPS, "a", "ns", uid="u", propagation="Foreground", grace_period_s=0)
        await client.request("POST", "/apis/x/v1/things", body={"a": 1})
    assert [f"{s.method} {s.path}" for s in api.seen] == [
        "GET /api/v1/namespaces/ns/configmaps/a",
        "GET /api/v1/namespaces/ns/status",
        "POST /api/v1/namespaces/ns/configmaps",
        "PUT /api/v1/namespaces/ns/configmaps/a",
        "PUT /apis/controlplane.dev/v1alpha1/namespaces/ns/works/a/status",
        "PATCH /api/v1/namespaces/ns/configmaps/a",
        "DELETE /api/v1/namespaces/ns/configmaps/a",
        "POST /apis/x/v1/things",
    ]
    assert orjson.loads(api.seen[6].body) == {
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u"}, "gracePeriodSeconds": 0,
    }  # fmt: skip


async def test_a_list_restores_kinds_and_follows_its_pages() -> None:
    first = {"metadata": {"resourceVersion": "5", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    second = {
        "metadata": {"resourceVersion": "5"},
        "items": [{"metadata": {"name": "b"}, "kind": "PartialObjectMetadata"}],
    }
    async with api_and_client(reply(first), reply(second)) as (api, client):
        listing = await client.list(CONFIGMAPS, resource_version="0", page_size=1)
    assert listing.resource_version == "5"
    assert [(i["apiVersion"], i["kind"], i["metadata"]["name"]) for i in listing.items] == [
        ("v1", "ConfigMap", "a"),
        ("v1", "ConfigMap", "b"),
    ]
    assert [s.query for s in api.seen] == [{"resourceVersion": "0", "limit": "1"}, {"limit": "1", "continue": "more"}]


async def test_a_list_without_items() -> None:
    async with api_and_client(reply({"metadata": {"resourceVersion": "5"}, "items": None})) as (_, client):
        assert (await client.list(CONFIGMAPS)).items == []


async def test_refusals_are_typed() -> None:
    refusals = [
        reply(
            {"kind": "Status", "code": 404, "reason": "NotFound", "details": {"name": "a", "kind": "configmaps"}}, 404
        ),
        reply({"kind": "Status", "code": 409, "reason": "AlreadyExists"}, 409),
    ]
    async with api_and_client(*refusals, reply([1])) as (_, client):
        with pytest.raises(NotFound):
            await client.get(CONFIGMAPS, "a", "ns")
        with pytest.raises(Conflict):
            await client.create(CONFIGMAPS, OBJECT)
        with pytest.raises(Unreachable, match="not a JSON object"):
            await client.get(CONFIGMAPS, "a", "ns")


async def test_a_body_of_megabytes_goes_through() -> None:
    async with api_and_client(reply(OBJECT)) as (api, client):
        await client.apply(CONFIGMAPS, {**OBJECT, "data": {"a": "x" * 1_300_000}}, field_manager="m")
    assert len(api.seen[0].body) > 1_300_000
