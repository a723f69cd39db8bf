"""The cluster's namespaces as facts."""

from typing import Any

from controlplane.agent.namespaces import Namespace, Namespaces
from controlplane.api.labels import LABEL_OWNER, LABEL_TENANT


def namespace(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}"} | more}


def test_a_namespace_is_whose_label_it_carries() -> None:
    known = Namespaces()
    assert known.saw(namespace("shop", labels={LABEL_TENANT: "payments", LABEL_OWNER: "o"}))
    assert known.get("shop") == Namespace("uid-shop", "payments", "o", False)


def test_only_a_changed_fact_is_news() -> None:
    known = Namespaces()
    known.saw(namespace("shop"))
    assert not known.saw(namespace("shop", annotations={"a": "b"}))
    assert known.saw(namespace("shop", annotations={"controlplane.dev/kinds": "^(?:apps/.*)$"}))
    assert known.saw(namespace("shop", deletionTimestamp="2026-11-23T10:00:00Z"))


def test_a_deleted_namespace_is_unknown() -> None:
    known = Namespaces()
    known.saw(namespace("b"))
    known.saw(namespace("a"))
    assert list(known.names()) == ["a", "b"]
    known.gone("a")
    known.gone("never-there")
    assert known.get("a") is None


def test_a_kind_is_the_tenants_unless_something_else_was_said() -> None:
    assert Namespace("", "payments", "", False).takes("", "Service")
    assert not Namespace("", "payments", "", False, "^(?:apps/.*)$").takes("", "Service")
    assert Namespace("", "payments", "", False, "^(?:core/.*)$", "^(?:)$").takes("", "Service")
    assert not Namespace("", "payments", "", False, "^(?:core/.*)$", "^(?:core/Service)$").takes("", "Service")
