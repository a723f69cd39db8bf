"""Desired state in Secrets, where there is no volume."""

from typing import cast

import pytest

from controlplane.agent.desired_secrets import SecretArtifacts, SecretDesired
from controlplane.api.keys import Digest
from controlplane.artifact.errors import ArtifactMissing
from controlplane.kube.client import Client
from tests.unit.agent.fake_member import FakeMember
from tests.unit.agent.test_desired import wanted


def digest(n: int) -> Digest:
    return Digest(f"sha256:{n:064x}")


async def test_works_outlive_the_process() -> None:
    client = cast(Client, FakeMember())
    store = SecretDesired(client)
    first = wanted()
    await store.put(first)
    await store.put(first)
    assert await SecretDesired(client).load() == {first.owner: first}
    await store.drop(first.owner)
    await store.drop(first.owner)
    assert await SecretDesired(client).load() == {}


async def test_a_broken_secret_is_left_out() -> None:
    member = FakeMember()
    store = SecretDesired(cast(Client, member))
    await store.put(wanted())
    for body in member.objects.values():
        body["data"]["work"] = "e30="
    assert await store.load() == {}


async def test_artifacts_outlive_the_process() -> None:
    client = cast(Client, FakeMember())
    store = SecretArtifacts(client)
    await store.put(digest(1), b"payload")
    await store.put(digest(1), b"payload")
    again = SecretArtifacts(client)
    assert await again.get(digest(1)) == b"payload"
    assert await again.has(digest(1))
    assert await again.digests() == {digest(1)}
    await again.delete(digest(1))
    await again.delete(digest(1))
    with pytest.raises(ArtifactMissing):
        await again.get(digest(1))


async def test_what_is_too_large_is_not_kept() -> None:
    store = SecretArtifacts(cast(Client, FakeMember()))
    await store.put(digest(1), bytes(800 * 1024))
    assert await store.digests() == frozenset()
    for n in range(60):
        await store.put(digest(n), bytes(600 * 1024))
    assert 50 < len(await store.digests()) < 56, "32 MiB in all"


async def test_a_member_that_is_down_is_an_error_as_a_disks() -> None:
    member = FakeMember()
    store = SecretDesired(cast(Client, member))
    member.down = True
    with pytest.raises(OSError, match="no answer"):
        await store.put(wanted())
    with pytest.raises(OSError, match="down"):
        await store.artifacts.put(digest(1), b"x")
