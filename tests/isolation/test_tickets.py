"""A join ticket that fell into other hands: replayed, expired, replaced, for another cluster, or as a credential by itself."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.behaviour.command import run
from tests.behaviour.tickets import signed_again, trade
from tests.isolation.attack import Stopped, Wall
from tests.isolation.field import Field

FAMILY = "join tickets"
NAME = "stolen-join"
Ticket = dict[str, str]


async def issued(field: Field) -> Ticket:
    """A ticket for a cluster of this file's own, as it is printed for somebody else to apply."""
    printed = await field.system.cpctl("cluster", "add", NAME, "--print")
    (secret,) = [body for body in yaml.safe_load_all(printed) if body["kind"] == "Secret"]
    found: Ticket = json.loads(b64decode(secret["data"]["hub.join"]))
    return found


@pytest.fixture
async def ticket(mounted: Field) -> AsyncIterator[Ticket]:
    yield await issued(mounted)
    await mounted.system.cpctl("cluster", "remove", NAME, "--force")
    await mounted.hub.gone("Namespace", f"cluster-{NAME}")


async def refused(ticket: Ticket, code: int, cluster: str = NAME, token: str = "") -> None:
    assert await trade(ticket, cluster, token) == (code, "")


async def test_replayed(mounted: Field, ticket: Ticket, stopped: Stopped) -> None:
    status, own = await trade(ticket, NAME)
    assert status == 200 and own
    await refused(ticket, 401)
    await refused(ticket, 403, "east")
    await mounted.unharmed()
    stopped("a ticket that was used before", Wall.HUB_GATE, "401")


async def test_expired(mounted: Field, ticket: Ticket, stopped: Stopped) -> None:
    key = mounted.system.environment.state / "clusters" / "hub" / "pki" / "service-accounts.key"
    await refused(ticket, 401, token=signed_again(ticket["token"], key, -7200))
    status, _ = await trade(ticket, NAME, signed_again(ticket["token"], key, -60))  # so it was the time that refused it
    assert status == 200
    stopped("a ticket that has expired", Wall.KUBERNETES, "401")


async def test_replaced(mounted: Field, ticket: Ticket, stopped: Stopped) -> None:
    newer = await issued(mounted)
    await refused(ticket, 401)
    assert (await trade(newer, NAME))[0] == 200
    stopped("a ticket that a newer one replaced", Wall.KUBERNETES, "401")


@pytest.mark.parametrize("cluster", ["east", "west", "a-cluster-of-its-own"])
async def test_for_another_cluster(mounted: Field, ticket: Ticket, cluster: str, stopped: Stopped) -> None:
    await refused(ticket, 403, cluster)
    await mounted.unharmed()
    stopped(f"a ticket shown for {cluster}", Wall.HUB_GATE, "403")


async def test_as_a_credential_for_the_hub(mounted: Field, ticket: Ticket, tmp_path: Path, stopped: Stopped) -> None:
    config = yaml.safe_load(mounted.hub.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": ticket["token"]}
    (tmp_path / "stolen.kubeconfig").write_text(yaml.safe_dump(config))
    kubectl = mounted.system.facts["tools"]["kubectl"]
    ran = await run(kubectl, "--kubeconfig", tmp_path / "stolen.kubeconfig", "get", "works", "-A")
    assert ran.code != 0 and ("nauthorized" in ran.err or "must be logged in" in ran.err), ran.err
    stopped("a ticket as a credential for the API server", Wall.KUBERNETES, "Unauthorized")
