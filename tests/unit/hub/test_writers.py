"""Whose a Git address is, in whatever spelling it stands in whose Repository."""

from typing import Any

from controlplane.hub.world import World
from controlplane.hub.writers import writers_of


def repository(namespace: str, url: str) -> dict[str, Any]:
    return {"metadata": {"name": "team", "namespace": namespace, "resourceVersion": "1"}, "spec": {"url": url}}


def test_the_tenants_that_deploy_from_an_address() -> None:
    world = World()
    for namespace, url in (
        ("tenant-b", "https://git.example.com/b/deploy.git"),
        ("tenant-a", "https://GIT.example.com:443/b/deploy/"),
        ("tenant-c", "https://git.example.com/b/deploy2"),
        ("tenant-d", "https://[broken"),
        ("controlplane-system", "https://git.example.com/b/deploy"),
    ):
        world.repositories.put(repository(namespace, url))
    assert writers_of("https://git.example.com/b/deploy", world) == ("a", "b")
    assert writers_of("https://git.example.com/platform", world) == ()
