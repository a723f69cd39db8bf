"""A watch's events make a picture of what is there; what kubectl says goes wrong is an error for a person."""

import asyncio
from pathlib import Path

import pytest

from hack.errors import HackError
from hack.kubectl import Kubectl, after
from hack.sight import Body


def event(kind: str, name: str, value: int = 0, namespace: str = "n") -> Body:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"type": kind, "object": {"metadata": metadata, "value": value}}


def test_events_make_a_picture() -> None:
    found = after({}, event("ADDED", "a", 1))
    found = after(found, event("ADDED", "b", 1, namespace=""))
    found = after(found, event("MODIFIED", "a", 2))
    assert {key: body["value"] for key, body in found.items()} == {"n/a": 2, "b": 1}
    assert after(found, event("DELETED", "a", 2)).keys() == {"b"}
    assert found.keys() == {"n/a", "b"}  # what was handed out before stays as it was


@pytest.fixture
def nowhere(tmp_path: Path) -> Kubectl:
    config = tmp_path / "kubeconfig"
    config.write_text("apiVersion: v1\nkind: Config\nclusters: []\n")
    return Kubectl("east", config / "missing", tmp_path / "cache")


async def test_a_cluster_that_cannot_be_asked_is_an_error(nowhere: Kubectl) -> None:
    with pytest.raises(HackError, match="kubectl"):
        await nowhere.get("configmaps", "a", "n")


async def test_a_cluster_that_cannot_be_watched_is_named(nowhere: Kubectl) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            nowhere.watch(group, "it is there", "configmaps", lambda found: True)
    assert "could not watch configmaps on east" in str(caught.value.exceptions[0])
