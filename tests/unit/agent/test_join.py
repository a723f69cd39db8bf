"""An agent trades its ticket once, keeps it while the hub is away, and asks no more when it is refused."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controlplane.agent.join import Joining, JoinRefused, redeem
from controlplane.api.ticket import JOIN_PATH, Ticket


def jwt() -> str:
    claims = base64.urlsafe_b64encode(orjson.dumps({"iat": 1, "exp": 2})).decode().rstrip("=")
    return f"h.{claims}.s"


class Hub:
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, object] = (200, {"token": jwt()})
        self.asked: list[tuple[str, object]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["Authorization"], orjson.loads(await request.read())))
        status, body = self.answer
        return web.Response(status=status, body=orjson.dumps(body))


@pytest.fixture
async def hub() -> Hub:
    return Hub()


@pytest.fixture
async def url(hub: Hub) -> AsyncIterator[str]:
    site = web.Application()
    site.router.add_post(JOIN_PATH, hub.handle)
    async with TestServer(site) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def joining(tmp_path: Path) -> Joining:
    return Joining(tmp_path / "hub.kubeconfig", tmp_path / "hub.token", "east")


def ticket(folder: Path, url: str, token: str = "once") -> Path:
    path = folder / "hub.join"
    path.write_text(Ticket(url, "", token).text())
    return path


async def test_a_ticket_becomes_a_token_and_is_gone(tmp_path: Path, joining: Joining, hub: Hub, url: str) -> None:
    path = ticket(tmp_path, url)
    await joining.needed()
    assert (tmp_path / "hub.token").read_text() == jwt()
    assert (tmp_path / "hub.token").stat().st_mode & 0o077 == 0
    assert not path.exists()
    assert hub.asked == [("Bearer once", {"cluster": "east"})]


async def test_with_a_token_and_no_ticket_nothing_is_asked(tmp_path: Path, joining: Joining, hub: Hub) -> None:
    (tmp_path / "hub.token").write_text("mine")
    await joining.needed()
    assert hub.asked == []


async def test_a_hub_that_cannot_answer_now_costs_nothing(tmp_path: Path, joining: Joining, hub: Hub, url: str) -> None:
    (tmp_path / "hub.token").write_text("old")
    path = ticket(tmp_path, url)
    hub.answer = (503, {"message": "not now"})
    await joining.needed()  # the old token stands, and healing goes on
    assert (tmp_path / "hub.token").read_text() == "old"
    assert path.exists()
    hub.answer = (200, {"token": jwt()})
    assert await joining.look()
    assert (tmp_path / "hub.token").read_text() == jwt()


async def test_a_refused_ticket_is_shown_once_and_a_new_one_is_tried(
    tmp_path: Path, joining: Joining, hub: Hub, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ticket(tmp_path, url)
    hub.answer = (401, {"message": "it was used"})
    assert not await joining.look()
    assert not await joining.look()
    assert len(hub.asked) == 1
    [told] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (told.reason, told.error) == ("NeedsRejoin", "it was used")  # type: ignore[attr-defined]
    assert "once" not in caplog.text
    hub.answer = (200, {"token": jwt()})
    ticket(tmp_path, url, "another")
    assert await joining.look()


async def test_what_is_no_ticket_is_told_and_not_sent(
    tmp_path: Path, joining: Joining, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "hub.join").write_text("{}")
    assert not await joining.look()
    assert "NeedsRejoin" in [getattr(record, "reason", "") for record in caplog.records]


@pytest.mark.parametrize("url", ["http://hub.example.com", "ftp://hub.example.com", "hub"])
async def test_a_ticket_goes_nowhere_in_clear(url: str) -> None:
    with pytest.raises(JoinRefused):
        await redeem(Ticket(url, "", "once"), "east")
