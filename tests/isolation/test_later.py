"""Attacks on what does not exist yet. They stand in the table, so that they come with what they attack."""

import json

import pytest

from tests.behaviour.cluster import Body
from tests.isolation.attack import MALLORY
from tests.isolation.field import MEMBER_OF_MALLORY, Field

FAMILY = "not yet possible"
LATER = {
    "a template that reads the API server (lookup)": "Helm",
    "a template that never ends": "Helm",
    "values from another namespace": "Helm",
    "a chart that fetches another chart": "Helm",
    "substitution from another namespace's ConfigMap or Secret": "substituteFrom",
    "variables that change an object's name after the gate": "substituteFrom",
    "decryption that changes an object's kind, name or namespace": "decryption",
    "another tenant's decryption key": "decryption",
}


@pytest.mark.parametrize("name", LATER)
async def test_not_yet(name: str) -> None:
    pytest.skip(f"not yet possible: needs {LATER[name]}")


FIELDS: dict[str, Body] = {
    "Helm's values": {"source": {"repository": "team", "renderer": "helm"}},
    "a service account of its choice": {"source": {"repository": "team"}, "serviceAccount": "platform"},
    "substitution from elsewhere": {
        "source": {"repository": "team"},
        "substituteFrom": [{"kind": "Secret", "name": "x"}],
    },
    "decryption": {"source": {"repository": "team"}, "decryption": {"secretRef": {"name": "x"}}},
}


@pytest.mark.parametrize("name", FIELDS)
async def test_the_fields_that_they_need_are_refused(mounted: Field, name: str) -> None:
    """So that these rows are changed together with the API."""

    body = {
        "apiVersion": "controlplane.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "later", "namespace": f"tenant-{MALLORY}"},
        "spec": FIELDS[name],
    }
    ran = await mounted.hub.try_kubectl(
        *MEMBER_OF_MALLORY, "create", "--dry-run=server", "-f", "-", stdin=json.dumps(body)
    )
    assert ran.code != 0, ran.out
    assert "unknown field" in ran.err or "supported values" in ran.err, ran.err
