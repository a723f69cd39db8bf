"""Replicas that an autoscaler decides are not ours to heal."""

from typing import Any

import pytest

from controlplane.agent.live import Seen
from controlplane.agent.replicas import Autoscalers, ceded, fitted
from controlplane.api.keys import ObjectKey

WEB = ObjectKey("apps", "Deployment", "shop", "web")
BODY: dict[str, Any] = {"kind": "Deployment", "spec": {"replicas": 2, "paused": False}}


def autoscaler(target: str = "web", name: str = "h", api_version: str = "apps/v1") -> dict[str, Any]:
    ref = {"apiVersion": api_version, "kind": "Deployment", "name": target}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"scaleTargetRef": ref}}


@pytest.fixture
def autoscalers() -> Autoscalers:
    known = Autoscalers()
    known.saw(autoscaler())
    return known


@pytest.mark.parametrize(
    ("seen", "how", "replicas"),
    [
        pytest.param(None, "", 2, id="a new object begins with git's number"),
        pytest.param(Seen(gone=True), "", 2, id="so does one that was deleted"),
        pytest.param(Seen(uid="u", replicas=5), "live", 5, id="ours alone: applied as it is"),
        pytest.param(Seen(uid="u", replicas=5, replicas_foreign=True), "left", None, id="another's: left out"),
    ],
)
def test_under_an_autoscaler(autoscalers: Autoscalers, seen: Seen | None, how: str, replicas: int | None) -> None:
    assert ceded(WEB, BODY, seen, autoscalers) == how
    made = fitted(BODY, how, seen)
    assert made["spec"].get("replicas") == replicas
    assert made["spec"]["paused"] is False
    assert BODY["spec"]["replicas"] == 2, "the body that was given is left alone"


def test_without_an_autoscaler_replicas_are_ours(autoscalers: Autoscalers) -> None:
    other = ObjectKey("apps", "Deployment", "shop", "other")
    assert ceded(other, BODY, Seen(uid="u", replicas=5, replicas_foreign=True), autoscalers) == ""
    assert ceded(WEB, {"spec": {}}, Seen(uid="u", replicas=5), autoscalers) == ""


def test_an_autoscaler_that_goes_gives_the_replicas_back(autoscalers: Autoscalers) -> None:
    assert autoscalers.gone("shop", "h") == WEB
    assert autoscalers.gone("shop", "h") is None
    assert not autoscalers.scales(WEB)


def test_two_autoscalers_of_one_object(autoscalers: Autoscalers) -> None:
    assert autoscalers.saw(autoscaler(name="h2")) == WEB
    autoscalers.gone("shop", "h")
    assert autoscalers.scales(WEB)


def test_a_target_that_moves_is_news(autoscalers: Autoscalers) -> None:
    assert autoscalers.saw(autoscaler()) is None
    assert autoscalers.saw(autoscaler("api")) == ObjectKey("apps", "Deployment", "shop", "api")
    assert not autoscalers.scales(WEB)
