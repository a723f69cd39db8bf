"""What `cpctl app history` tells, and what `cpctl app rollback` takes of it."""

import pytest

from controlplane.cli.errors import CliError
from controlplane.cli.history import history_of, history_view
from controlplane.cli.intent import _one_of
from controlplane.kube.request import Body
from tests.unit.cli.bodies import an_app
from tests.unit.kube.fake_api import api_and_client, reply

ONE, TWO = "abcd1" + "0" * 35, "abcd2" + "0" * 35


def history(*deliveries: Body, uid: str = "tenant-payments/web") -> Body:
    meta = {"name": "web", "namespace": "tenant-payments"}
    return {"kind": "History", "metadata": meta, "spec": {"application": uid, "deliveries": list(deliveries)}}


READY = {
    "revision": f"main@sha1:{ONE}", "outcome": "Ready", "started": "2026-01-05T12:00:00.000Z", "readyAfterMs": 2340,
    "clusters": 2, "commit": {"author": "Robin", "message": "Greet louder"}, "by": "ann", "asked": "sync",
}  # fmt: skip
REFUSED = {"revision": f"main@sha1:{TWO}", "outcome": "Refused", "reason": "Denied", "message": "not yours"}


def test_the_table() -> None:
    view = history_view(an_app(), history(REFUSED, READY))
    refused, ready = ([cell.text for cell in row] for row in view.tables[0].rows)
    assert [refused[at] for at in (0, 1, 3, 7, 8)] == ["main@abcd200", "Refused", "-", "-", "Denied: not yours"]
    assert [ready[at] for at in (0, 1, 3, 4, 5, 6, 7)] == [
        "main@abcd100", "Ready", "2.3s", "2", "Robin", "Greet louder", "ann (sync)",
    ]  # fmt: skip
    assert view.notes == ("To go back: cpctl app rollback tenant-payments/web --to REVISION",)
    assert view.document["spec"]["deliveries"][1] == READY


def test_a_long_one_is_told_in_minutes() -> None:
    (row,) = history_view(an_app(), history(READY | {"readyAfterMs": 605_000})).tables[0].rows
    assert row[3].text == "10m5s"


def test_nothing_yet() -> None:
    view = history_view(an_app(), None)
    assert view.tables[0].rows == () and view.notes == ()
    assert view.document == {"kind": "History", "spec": {"deliveries": []}}


async def test_the_history_of_another_application_of_the_name_is_none() -> None:
    async with api_and_client(reply(history(READY, uid="another"))) as (_, client):
        assert await history_of(client, an_app()) is None
    async with api_and_client(reply(history(READY))) as (_, client):
        assert await history_of(client, an_app()) == history(READY)


@pytest.mark.parametrize("to", [f"main@sha1:{ONE}", "main@abcd1", "abcd1", ONE])
def test_what_one_goes_back_to(to: str) -> None:
    assert _one_of(an_app(), history(REFUSED, READY), to) == f"main@sha1:{ONE}"


@pytest.mark.parametrize(
    ("entries", "to", "says"),
    [
        ((REFUSED, READY), "abcd2", "is none of them"),
        ((READY, READY | {"revision": f"main@sha1:{TWO}"}), "abcd", "means 2 of them"),
        ((), "abcd", "is none of them"),
    ],
)
def test_what_one_cannot_go_back_to(entries: tuple[Body, ...], to: str, says: str) -> None:
    with pytest.raises(CliError, match=f"{says}: choose one of cpctl app history tenant-payments/web"):
        _one_of(an_app(), history(*entries), to)
