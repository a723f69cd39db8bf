"""Addresses of Git that a tenant may not read: others', ways around an address, and the hub's own machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from hack.ports import HOST
from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import repository
from tests.isolation.attack import MALLORY, VICTORIA, Stopped, Wall, told_wall
from tests.isolation.field import GIT, Field, located

FAMILY = "addresses"
SPACE = f"tenant-{MALLORY}"


@dataclass(frozen=True, slots=True)
class Address:
    """A Repository's address, and why it is not read."""

    name: str
    url: str
    wall: Wall = Wall.HUB_GATE
    reason: str = "SourceDenied"


ADDRESSES = (
    Address("another tenant's repository", f"{GIT}/{VICTORIA}/deploy.git"),
    Address("the platform's repository", f"{GIT}/platform.git"),
    Address("another server", "https://git.example.com/mallory/deploy.git"),
    Address(
        "a server whose name begins like the allowed one",
        f"{GIT}.evil.example.com/mallory/deploy.git",
        Wall.SOURCE,
        "UrlDenied",
    ),
    Address("another scheme of the allowed address", f"{GIT}/mallory/deploy.git".replace("@git@", "@gits@")),
    Address("a path that leaves its own: ..", f"{GIT}/mallory/../victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address(
        "a path that leaves its own: %2e%2e", f"{GIT}/mallory/%2e%2e/victoria/deploy.git", Wall.SOURCE, "UrlDenied"
    ),
    Address("a path that leaves its own: .%2E", f"{GIT}/mallory/.%2E/victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("an escaped slash", f"{GIT}/mallory%2f..%2fvictoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("a backslash", f"{GIT}/mallory\\..\\victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("upper case in the path", f"{GIT}/MALLORY/deploy.git"),
    Address("a query", f"{GIT}/mallory/deploy.git?x=/victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("a file on the hub", "file:///etc", Wall.HUB_GATE),
    Address("a file on the hub, with a host", "file://localhost/etc", Wall.SOURCE, "UrlDenied"),
    Address("a cloud's metadata service", "http://169.254.169.254/latest/meta-data"),
    Address("a cloud's metadata service, by https", "https://169.254.169.254/latest"),
    Address("loopback, by its name", "https://localhost/repository.git"),
    Address("loopback, as one number", "https://2130706433/repository.git"),
    Address("loopback, in hexadecimals", "https://0x7f000001/repository.git"),
    Address("loopback, in IPv6", "https://[::1]/repository.git"),
    Address("loopback, IPv4 in IPv6", "https://[::ffff:127.0.0.1]/repository.git"),
    Address("the hub's own API server", "https://kubernetes.default.svc/api"),
)
NAMED = {address.name: f"address-{number:02}" for number, address in enumerate(ADDRESSES)}


@pytest.fixture(scope="module")
async def asked(mounted: Field) -> Field:
    """All addresses, as Repositories that the attacker's root makes."""
    files = {
        f"addresses/{NAMED[each.name]}.yaml": repository(NAMED[each.name], SPACE, _real(each.url, mounted))
        for each in ADDRESSES
    }
    await mounted.attacker.push(files)
    await mounted.attacker.deploy("addresses", "addresses", placement=None)
    return mounted


@pytest.mark.parametrize("address", [pytest.param(each, id=each.name) for each in ADDRESSES])
async def test_an_address(asked: Field, address: Address, stopped: Stopped) -> None:
    def look(body: Body | None) -> Body:
        told = condition(body, "Ready")
        assert not told.true, f"it was read: {address.url}"
        return body if body and told.reason == address.reason else {}

    body = await asked.hub.until(
        f"{address.url}: {address.reason}", "Repository", NAMED[address.name], look, namespace=SPACE
    )
    assert body and not body["status"].get("revision")
    assert told_wall(address.reason, "", by_agent=False) == address.wall
    await asked.unharmed()
    stopped(address.name, address.wall, address.reason)


async def test_a_denied_address_is_never_called(asked: Field, stopped: Stopped) -> None:
    """Neither one that the Tenant does not list, nor one on the hub's own machine that it does."""
    async with _listener() as (port, callers):
        called = repository("called", SPACE, f"http://{HOST}:{port}/deploy.git", interval="1s")
        await asked.attacker.push({"addresses/called.yaml": called})
        await asked.hub.until(
            "the Repository is denied", "Repository", "called",
            lambda body: condition(body, "Ready").reason == "SourceDenied", namespace=SPACE,
        )  # fmt: skip
        await asked.system.heartbeats("east", 1)  # two intervals
        assert callers == []
    await asked.unharmed()
    stopped("the hub as a scanner of its own machine", Wall.HUB_GATE, "SourceDenied")


def _real(url: str, field: Field) -> str:
    address = field.system.git_url
    return str(located(url, address)).replace("@gits@", address.replace("http://", "https://"))


@asynccontextmanager
async def _listener() -> AsyncIterator[tuple[int, list[str]]]:
    """Something that answers nothing and notes who calls."""
    callers: list[str] = []

    async def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(str(writer.get_extra_info("peername")))
        writer.close()

    async with await asyncio.start_server(called, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1], callers
