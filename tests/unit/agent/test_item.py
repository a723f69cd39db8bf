"""One desired object with our labels, ready to be applied."""

from typing import Any

import pytest

from controlplane.agent.ignored import Ignored
from controlplane.agent.item import Item, labelled
from controlplane.api.keys import key_of
from controlplane.api.labels import ANNOTATION_REPLACE, ANNOTATION_RUN, LABEL_OWNER, LABEL_TENANT
from controlplane.kube.resource import CONFIGMAPS


def config(**meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"} | meta, "data": {}}


def test_our_labels_stand_beside_its_own_and_above_theirs_of_our_name() -> None:
    bare = config(labels={"app": "web", LABEL_OWNER: "forged", LABEL_TENANT: "forged"})
    made = labelled(bare, owner="o", tenant="payments")
    assert made["metadata"]["labels"] == {"app": "web", LABEL_OWNER: "o", LABEL_TENANT: "payments"}
    assert bare["metadata"]["labels"][LABEL_OWNER] == "forged", "the body that was given is left alone"


def secret(**content: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "shop"}, **content}


@pytest.mark.parametrize(
    ("given", "data"),
    [
        ({"stringData": {"a": "x"}}, {"a": "eA=="}),
        ({"stringData": {"a": "x"}, "data": {"a": "eQ==", "b": "eg=="}}, {"a": "eA==", "b": "eg=="}),
        ({"stringData": {"a": "\u00e4"}, "data": None}, {"a": "w6Q="}),
        ({"data": {"a": "eQ=="}}, {"a": "eQ=="}),
    ],
)
def test_a_secret_is_applied_as_it_is_stored(given: dict[str, Any], data: dict[str, str]) -> None:
    made = labelled(secret(**given), owner="o", tenant="t")
    assert made["data"] == data
    assert "stringData" not in made


@pytest.mark.parametrize(
    "wrong", [{"stringData": {"a": 1}}, {"stringData": ["a"]}, {"stringData": {"a": "x"}, "data": ["b"]}]
)
def test_a_secret_that_is_none_is_left_to_the_server(wrong: dict[str, Any]) -> None:
    assert labelled(secret(**wrong), owner="o", tenant="t")["stringData"] == wrong["stringData"]


def test_what_the_server_decides_is_not_sent() -> None:
    bare = config(uid="u", resourceVersion="1", managedFields=[], creationTimestamp=None) | {"status": {"a": 1}}
    made = labelled(bare, owner="o", tenant="t")
    assert set(made["metadata"]) == {"name", "namespace", "labels"}
    assert "status" not in made


def test_a_namespaces_tenant_is_not_said_by_whoever_delivers_it() -> None:
    bare = config(labels={LABEL_TENANT: "payments"})
    assert labelled(bare, owner="o", tenant="")["metadata"]["labels"] == {LABEL_OWNER: "o", LABEL_TENANT: "payments"}
    assert LABEL_TENANT not in labelled(config(), owner="o", tenant="")["metadata"]["labels"]


@pytest.mark.parametrize(("given", "expected"), [(None, "shop"), ("", None), ("other", "other")])
def test_the_namespace(given: str | None, expected: str | None) -> None:
    assert labelled(config(), owner="o", tenant="t", namespace=given)["metadata"].get("namespace") == expected


def item(body: dict[str, Any], **more: Any) -> Item:
    return Item(key_of(body), CONFIGMAPS, body, "h", **more)


def test_replacing_is_asked_for_by_the_work_or_by_the_object() -> None:
    assert not item(config()).wants_replace
    assert item(config(), may_replace=True).wants_replace
    assert item(config(annotations={ANNOTATION_REPLACE: "true"})).wants_replace
    assert not item(config(annotations={ANNOTATION_REPLACE: "false"})).wants_replace


IGNORED = Ignored((("data", "x"),))


def test_what_was_applied_with_less_is_as_it_should_be_while_the_rules_stay() -> None:
    first = item(config()).with_ignored(IGNORED, "")
    applied = first.hash_of({"less": True})
    again = item(config()).with_ignored(IGNORED, applied)
    assert again.hash == applied
    assert again.hash_of({"less": True}) == applied, "it stays so however often it is applied"
    assert again.hash_of(again.body) == first.hash == "h"
    assert item(config()).with_ignored(Ignored((("data", "y"),)), applied).hash == "h", "other rules ask for an apply"
    assert item(config()).hash != applied, "and so does their end"


def test_what_was_applied_whole_is_as_it_should_be_with_any_rules() -> None:
    first = item(config()).with_ignored(IGNORED, "h")
    assert first.hash == first.hash_of(None) == first.hash_of(first.body) == "h"


def test_a_hook_bears_its_run_and_is_known_by_it() -> None:
    body = config(annotations={"a": "b"})
    made = Item(key_of(body), CONFIGMAPS, body, "h").for_run("5/pre-sync")
    assert made.body["metadata"]["annotations"] == {"a": "b", ANNOTATION_RUN: "5/pre-sync"}
    assert (made.hash, made.once) == ("5/pre-sync", True)
    assert body["metadata"]["annotations"] == {"a": "b"}
