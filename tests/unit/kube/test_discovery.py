"""Which kinds are served: asked once, believed until somebody says otherwise."""

import asyncio
from typing import Any

import pytest

from controlplane.kube.discovery import Discovery
from controlplane.kube.errors import Internal, KubeError, UnknownKind
from tests.unit.kube.fake_api import api_and_client, reply


def group(name: str, **versions: list[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "versions": [
            {
                "version": version,
                "resources": [
                    {
                        "resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["get"],
                        "subresources": [{"subresource": "status"}],
                    }
                    for plural, kind, scope in kinds
                ] + [{"resource": "evictions", "responseKind": None, "scope": "Namespaced"}],
            }
            for version, kinds in versions.items()
        ],
    }  # fmt: skip


def found(*groups: dict[str, Any], etag: str = '"1"') -> Any:
    return reply({"kind": "APIGroupDiscoveryList", "items": list(groups)}, headers={"ETag": etag})


CORE = found(group("", v1=[("configmaps", "ConfigMap", "Namespaced"), ("namespaces", "Namespace", "Cluster")]))
APPS = group(
    "apps", v1=[("deployments", "Deployment", "Namespaced")], v1beta1=[("deployments", "Deployment", "Namespaced")]
)
UNCHANGED = reply(None, 304)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_two_requests_tell_everything_and_are_kept() -> None:
    async with api_and_client(CORE, found(APPS)) as (api, client):
        discovery = Discovery(client)
        answers = await asyncio.gather(*(discovery.resource("apps", "Deployment") for _ in range(5)))
        namespace = await discovery.resource("", "Namespace")
        assert {r.kind for r in await discovery.resources()} == {"ConfigMap", "Namespace", "Deployment"}
    assert {(r.version, r.plural, r.namespaced, r.subresources) for r in answers} == {
        ("v1", "deployments", True, ("status",))
    }
    assert (namespace.api_version, namespace.namespaced) == ("v1", False)
    assert [s.path for s in api.seen] == ["/api", "/apis"]


async def test_a_version_may_be_named_and_a_missing_one_names_those_that_are_there() -> None:
    async with api_and_client(CORE, found(APPS)) as (_, client):
        discovery = Discovery(client)
        assert (await discovery.resource("apps", "Deployment", "v1beta1")).version == "v1beta1"
        with pytest.raises(UnknownKind, match="it serves v1, v1beta1"):
            await discovery.resource("apps", "Deployment", "v2")


async def test_an_unknown_kind_is_believed_for_ten_seconds_and_costs_a_304_after_that() -> None:
    clock = Clock()
    crd = group("x.dev", v1=[("things", "Thing", "Namespaced")])
    async with api_and_client(CORE, found(APPS), UNCHANGED, UNCHANGED, UNCHANGED, found(APPS, crd)) as (api, client):
        discovery = Discovery(client, clock=clock)
        for _ in range(3):
            with pytest.raises(UnknownKind):
                await discovery.resource("x.dev", "Thing")
        assert len(api.seen) == 2
        clock.now += 11
        with pytest.raises(UnknownKind):
            await discovery.resource("x.dev", "Thing")
        assert len(api.seen) == 4
        assert api.seen[3].headers["If-None-Match"] == '"1"'
        discovery.invalidate()
        assert (await discovery.resource("x.dev", "Thing")).plural == "things"
        assert (await discovery.resource("", "ConfigMap")).plural == "configmaps"


async def test_a_failed_look_is_tried_again_at_the_next_use() -> None:
    no = reply({"kind": "Status", "code": 503}, 503)
    async with api_and_client(no, CORE, found(APPS)) as (_, client):
        discovery = Discovery(client)
        with pytest.raises(Internal):
            await discovery.resource("apps", "Deployment")
        assert (await discovery.resource("apps", "Deployment")).kind == "Deployment"


async def test_a_server_without_aggregated_discovery_is_named() -> None:
    async with api_and_client(reply({"kind": "APIVersions"})) as (_, client):
        with pytest.raises(KubeError, match=r"older than Kubernetes 1\.27"):
            await Discovery(client).resources()
