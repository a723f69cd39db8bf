"""When what a person asked of an Application is carried out, and when waiting for it is of no use."""

from typing import Any

import pytest

from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.intent import asked_by, object_ref, settled
from controlplane.kube.request import Body
from tests.unit.cli.bodies import an_app
from tests.unit.kube.fake_api import api_and_client, reply


def synced(status: Body) -> bool:
    return bool((status.get("request") or {}).get("sync") == "now")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(an_app(request={"sync": "now"}), True, id="ready with it"),
        pytest.param(an_app(request={"sync": "before"}), False, id="ready, but not with this request"),
        pytest.param(an_app(ready=False, request={"sync": "now"}), False, id="not ready yet"),
        pytest.param(an_app(ready=None), False, id="nobody has looked"),
        pytest.param(an_app(request={"sync": "now"}, observedGeneration=0), False, id="looked before it was asked"),
    ],
)
def test_when_a_request_is_carried_out(body: Body, expected: bool) -> None:
    assert settled(body, 1, synced) is expected


STUCK: dict[str, Any] = {
    "ready": False, "request": {"sync": "now"},
    "conditions": [{"type": "Stalled", "status": "True", "reason": "Denied", "message": "kube-system"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        pytest.param(an_app(**STUCK), ExitCode.NOT_READY, "is stuck: Denied: kube-system", id="stuck"),
        pytest.param(
            an_app(ready=False, request={"sync": "now"}, held={"token": "t", "removes": 9}), ExitCode.NOT_READY,
            "cpctl app approve", id="held",
        ),
        pytest.param(an_app(ready=False, held={"token": "t", "removes": 9}), ExitCode.NOT_READY, "9 objects", id="not echoed"),
        pytest.param(None, ExitCode.FAILED, "deleted meanwhile", id="gone"),
    ],
)  # fmt: skip
def test_waiting_ends_when_waiting_cannot_help(body: Body | None, code: ExitCode, says: str) -> None:
    with pytest.raises(CliError, match=says) as ended:
        settled(body, 1, synced)
    assert ended.value.code is code


APP = {"metadata": {"name": "web", "namespace": "elsewhere"}}


async def test_who_asks_is_what_the_server_says() -> None:
    answer = {"status": {"userInfo": {"username": "robin@example.com"}}}
    async with api_and_client(reply(answer)) as (_, client):
        assert await asked_by(client, APP, "sync") == "robin@example.com"


async def test_who_asks_is_the_systems_user_where_the_server_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "robin")
    async with api_and_client(reply({"kind": "Status", "code": 404}, 404)) as (_, client):
        assert await asked_by(client, APP, "sync") == "robin"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("Deployment/web", {"kind": "Deployment", "name": "web"}),
        ("Deployment.apps/web", {"kind": "Deployment", "group": "apps", "name": "web"}),
        (
            "Widget.example.com/shop/w.1",
            {"kind": "Widget", "group": "example.com", "namespace": "shop", "name": "w.1"},
        ),
    ],
)
def test_an_object_as_a_person_names_it(text: str, ref: Body) -> None:
    assert object_ref(text) == ref


@pytest.mark.parametrize("text", ["", "web", "/web", "Deployment/", "Deployment./web", "a/b/c/d", "Deployment//web"])
def test_what_names_no_object(text: str) -> None:
    with pytest.raises(CliError, match="names no object"):
        object_ref(text)
