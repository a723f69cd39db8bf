"""The API server itself holds people and Git to the five kinds: it fills in what is left out, and says what to write instead."""

import json
from typing import Any

import pytest

from tests.behaviour.system import System

LABEL = "write a DNS label"


def an_object(kind: str, name: str, namespace: str = "", spec: Any = None) -> str:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    body: dict[str, Any] = {"apiVersion": "controlplane.dev/v1alpha1", "kind": kind, "metadata": metadata}
    return json.dumps(body | ({} if spec is None else {"spec": spec}))


def tenant(**spec: Any) -> str:
    return an_object("Tenant", "admitted", spec=spec)


def application(**spec: Any) -> str:
    return an_object("Application", "admitted", "controlplane-system", {"source": {"repository": "team"}, **spec})


def repository(**spec: Any) -> str:
    url = {"url": "https://git.example.com/payments/deploy.git"}
    return an_object("Repository", "admitted", "controlplane-system", url | spec)


DEFAULTS: dict[str, Any] = {
    "sync": {
        "mode": "Automatic",
        "prune": True,
        "selfHeal": True,
        "replace": False,
        "adopt": False,
        "guard": {"atLeast": 5, "morePercent": 30},
        "healthTimeout": "10m",
    },
    "deletionPolicy": "Delete",
    "historyLimit": 10,
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            an_object("Tenant", "admitted"),
            {"limits": {"applications": 100, "objectsPerApplication": 2000, "depth": 3}},
            id="a Tenant that says nothing",
        ),
        pytest.param(
            tenant(namespaces=[{"name": "a"}, {"name": "a-*", "create": False}], limits={"depth": 1}),
            {
                "limits": {"applications": 100, "objectsPerApplication": 2000, "depth": 1},
                "namespaces": [
                    {"name": "a", "create": True, "podSecurity": "baseline", "network": "isolated"},
                    {"name": "a-*", "create": False, "podSecurity": "baseline", "network": "isolated"},
                ],
            },
            id="a Tenant with namespaces",
        ),
        pytest.param(
            repository(),
            {"url": "https://git.example.com/payments/deploy.git", "interval": "3m", "suspend": False},
            id="a Repository",
        ),
        pytest.param(
            application(placement={"namespace": "payments"}),
            {
                "source": {"repository": "team", "path": ".", "renderer": "auto"},
                "placement": {"namespace": "payments", "createNamespace": False},
                **DEFAULTS,
            },
            id="an Application",
        ),
        pytest.param(
            application(
                expand={
                    "over": [{"tenants": {}}, {"clusters": {"matchLabels": {"env": "prod"}}}],
                    "template": {"metadata": {"name": "m-{{ tenant.name }}"}, "spec": {"source": {"repository": "x"}}},
                }
            ),
            {
                "source": {"repository": "team", "path": ".", "renderer": "auto"},
                **DEFAULTS,
                "expand": {
                    "over": [{"tenants": {}}, {"clusters": {"matchLabels": {"env": "prod"}}}],
                    "template": {"metadata": {"name": "m-{{ tenant.name }}"}, "spec": {"source": {"repository": "x"}}},
                },
            },
            id="a root with a template",
        ),
    ],
)
async def test_what_is_left_out_is_filled_in(system: System, body: str, expected: dict[str, Any]) -> None:
    out = await system.hub.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=body)
    assert json.loads(out)["spec"] == expected
    assert "status" not in json.loads(out)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        *(
            pytest.param(an_object(kind, name), "are reserved: choose another name", id=f"{kind} {name}")
            for kind in ("Tenant", "Cluster")
            for name in ("platform", "system", "default", "kube-public", "controlplane-x")
        ),
        (an_object("Tenant", "a" * 51), "the name must be a DNS label of at most 50 characters"),
        (an_object("Cluster", "east.eu"), "the name must be a DNS label of at most 50 characters"),
        (tenant(members=[{"role": "admin"}]), "a member is either a user or a group"),
        (tenant(members=[{"user": "a", "role": "owner"}]), 'supported values: "viewer", "developer", "admin"'),
        (tenant(sources=[{"url": "git.example.com/a"}]), "write a URL with its scheme"),
        (tenant(sources=[{"url": "https://me@git.example.com/a"}]), "a source names no user"),
        (tenant(namespaces=[{"name": "kube-system"}]), "belong to no tenant: choose another name"),
        (tenant(namespaces=[{"name": "*", "create": False}]), "a lone * would be every namespace"),
        (tenant(namespaces=[{"name": "a-*"}]), "set create: false"),
        (tenant(namespaces=[{"name": "a"}, {"name": "a"}]), "each namespace may be listed once"),
        (tenant(namespaces=[{"name": "A"}]), "write a namespace's name"),
        (tenant(namespaces=[{"name": "a", "quota": {"pods": "many"}}]), "write a quantity such as 500m"),
        (tenant(clusters={"names": ["East"]}), LABEL),
        (tenant(clusters={"matchExpressions": [{"key": "a", "operator": "In"}]}), "In and NotIn need values"),
        (tenant(limits={"depth": 11}), "less than or equal to 10"),
        (tenant(nonsense=1), 'unknown field "spec.nonsense"'),
        (repository(url="https://u:p@git.example.com/a"), "put credentials into a Secret"),
        (repository(url="git@git.example.com:a/b"), "write an https:// URL"),
        (repository(interval="3 minutes"), "write a duration such as"),
        (repository(interval="500ms"), "an interval is at least 1s"),
        (repository(ref={"branch": "a", "tag": "b"}), "give one of branch, tag and commit"),
        (repository(ref={"branch": "--upload-pack=x"}), "write the name of a branch or tag"),
        (repository(ref={"commit": "4f1c"}), "write the commit's whole SHA-1"),
        (an_object("Application", "admitted", "controlplane-system", {}), "spec.source: Required value"),
        (application(source={"repository": "A team"}), "write an object's name"),
        (application(source={"repository": "team", "path": "/apps"}), "a path begins at the repository's root"),
        (application(source={"repository": "team", "path": "apps/../../x"}), "a path may not leave its repository"),
        (application(source={"repository": "team", "renderer": "jsonnet"}), 'supported values: "auto", "plain"'),
        (application(placement={"namespace": "a.b"}), LABEL),
        (
            application(placement={}, expand={"over": [{"tenants": {}}], "template": {"metadata": {"name": "x"}, "spec": {}}}),
            "put it into template.spec",
        ),
        (
            application(expand={"over": [{}], "template": {"metadata": {"name": "x"}, "spec": {}}}),
            "each part of over is one of tenants, clusters and folders",
        ),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_refused_with_what_to_write(system: System, body: str, says: str) -> None:
    ran = await system.hub.try_kubectl("create", "--dry-run=server", "-f", "-", stdin=body)
    assert ran.code != 0
    assert says in ran.err
