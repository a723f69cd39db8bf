"""What autoscalers scale."""

from typing import Any

import pytest

from controlplane.agent.replicas import Autoscalers
from controlplane.api.keys import ObjectKey

WEB = ObjectKey("apps", "Deployment", "shop", "web")


def autoscaler(target: str = "web", name: str = "h", api_version: str = "apps/v1") -> dict[str, Any]:
    ref = {"apiVersion": api_version, "kind": "Deployment", "name": target}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"scaleTargetRef": ref}}


@pytest.fixture
def autoscalers() -> Autoscalers:
    known = Autoscalers()
    known.saw(autoscaler())
    return known


def test_only_what_it_names_is_scaled(autoscalers: Autoscalers) -> None:
    assert autoscalers.scales(WEB)
    assert not autoscalers.scales(ObjectKey("apps", "Deployment", "shop", "other"))
    assert not autoscalers.scales(ObjectKey("apps", "Deployment", "other", "web"))


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
