"""Who owns which field, and what our entry has lost."""

from typing import Any

import pytest

from controlplane.agent.owned import claims_of, item_at, keyed, lost, owners_under, part_fits, selects
from controlplane.api.fieldpath import EACH, Where
from tests.unit.agent.managed import Body, entry

OURS = "controlplane:o"


def web(**spec: Any) -> Body:
    containers = [{"name": "app", "image": "one"}, {"name": "log", "image": "two"}]
    return {
        "metadata": {"labels": {"app": "web", "a.dev/b": "c"}},
        "spec": {"replicas": 1, "containers": containers} | spec,
    }


def told(body: Body, *entries: Body, **more: Any) -> list[tuple[str, str]]:
    found = lost(body, claims_of(entries, OURS), **more)
    return [(each.path, each.claim.manager if each.claim else "") for each in found]


def test_nothing_is_lost_while_our_entry_has_it_all() -> None:
    assert told(web(), entry(OURS, web(), operation="Apply")) == []


def test_the_new_owner_of_each_field_is_named() -> None:
    ours = web()
    ours["spec"] = {"containers": [{"name": "app"}, {"name": "log", "image": "two"}]}
    del ours["metadata"]["labels"]["a.dev/b"]
    theirs = {"spec": {"replicas": 5, "containers": [{"name": "app", "image": "evil"}]}}
    assert told(web(), entry(OURS, ours, operation="Apply"), entry("kubectl", theirs)) == [
        ('metadata.labels["a.dev/b"]', ""),
        ("spec.replicas", "kubectl"),
        ('spec.containers[name="app"].image', "kubectl"),
    ]


def test_of_two_owners_the_one_that_wrote_last_took_it() -> None:
    theirs = {"spec": {"replicas": 5}}
    ours = web()
    del ours["spec"]["replicas"]
    found = told(
        web(),
        entry("late", theirs, "2026-11-27T11:00:00Z"),
        entry(OURS, ours, operation="Apply"),
        entry("early", theirs, "2026-11-27T09:00:00Z"),
    )
    assert found == [("spec.replicas", "late")]


def test_an_update_under_our_name_is_no_entry_of_ours_and_a_status_is_nobodys() -> None:
    claims = claims_of([entry(OURS, web()), {**entry("x", web()), "subresource": "status"}], OURS)
    assert [(claim.manager, claim.ours) for claim in claims] == [(OURS, False)]


def test_a_list_that_is_one_field_is_lost_as_one() -> None:
    body = {"metadata": {}, "spec": {"args": ["a", "b"]}}
    assert told(body, entry("x", body)) == [("spec.args", "x")]


def test_a_map_that_is_one_field_is_lost_as_one() -> None:
    body = {"metadata": {}, "spec": {"selector": {"app": "x"}}}
    theirs = {**entry("x", {}), "fieldsV1": {"f:spec": {"f:selector": {}}}}
    assert told(body, theirs) == [("spec.selector", "x")]


def test_an_item_that_was_removed_is_named_by_its_place() -> None:
    ours = web(containers=[{"name": "log", "image": "two"}])
    assert told(web(), entry(OURS, ours, operation="Apply")) == [("spec.containers[0]", "")]


def test_what_is_empty_is_never_ours() -> None:
    body = {"metadata": {"creationTimestamp": None, "labels": {}}, "spec": {"a": None, "b": [], "c": "", "d": {}}}
    assert told(body, entry(OURS, {"spec": {}}, operation="Apply")) == []


def test_a_field_that_has_our_value_again_is_back() -> None:
    body = web(cpu="1000m")
    ours = web()
    del ours["spec"]["replicas"]
    claims = claims_of([entry(OURS, ours, operation="Apply"), entry("x", {"spec": {"replicas": 5, "cpu": "1"}})], OURS)
    live = web(replicas=5, cpu=1)
    assert [(each.path, each.back) for each in lost(body, claims, live=live)] == [
        ("spec.replicas", False),
        ("spec.cpu", True),
    ]
    assert [each.back for each in lost(body, claims)] == [False, False], "without the values nobody can tell"


@pytest.mark.parametrize(
    ("more", "ignored"),
    [
        ({"paths": [("spec", "replicas")]}, [True, False]),
        ({"paths": [("spec", "containers", EACH, Where(("name",), "app"), "image")]}, [False, True]),
        ({"paths": [("spec", "containers", EACH, Where(("name",), "log"), "image")]}, [False, False]),
        ({"paths": [("spec",)]}, [True, True]),
        ({"managers": ["kubectl"]}, [True, True]),
        ({"managers": ["other"]}, [False, False]),
    ],
)
def test_what_rules_leave_to_others_is_told_apart(more: dict[str, Any], ignored: list[bool]) -> None:
    ours = web(containers=[{"name": "app"}, {"name": "log", "image": "two"}])
    del ours["spec"]["replicas"]
    theirs = {"spec": {"replicas": 5, "containers": [{"name": "app", "image": "evil"}]}}
    claims = claims_of([entry(OURS, ours, operation="Apply"), entry("kubectl", theirs)], OURS)
    assert [each.ignored for each in lost(web(), claims, **more)] == ignored


def test_items_are_found_by_their_keys_and_a_key_that_is_left_out_has_its_default() -> None:
    (claim,) = claims_of([{"manager": "x", "fieldsV1": {
        'k:{"port":80,"protocol":"TCP"}': {".": {}}, 'k:{"port":80,"protocol":"UDP"}': {".": {}}, "k:broken": {},
    }}], OURS)  # fmt: skip
    owners = [(claim, claim.tree)]
    assert keyed(owners)
    assert item_at({"port": 80, "protocol": "TCP"}, owners) == 'k:{"port":80,"protocol":"TCP"}'
    assert item_at({"port": 80}, owners) is not None
    assert item_at({"port": 81}, owners) is None
    assert item_at({"other": 1}, owners) is None
    assert owners_under(owners, "k:broken") == [(claim, {})]


def test_items_of_a_set_are_found_by_their_value() -> None:
    (claim,) = claims_of([{"manager": "x", "fieldsV1": {'v:"a"': {}}}], OURS)
    assert item_at("a", [(claim, claim.tree)]) == 'v:"a"'
    assert item_at("b", [(claim, claim.tree)]) is None
    assert part_fits('v:"a"', "a")
    assert not part_fits('v:"a"', "b")
    assert not part_fits(None, "a")


def test_selects() -> None:
    assert selects({"a": [{"b": 1}]}, [("a", EACH, "b")])
    assert not selects({"a": [{"b": 1}]}, [("a", EACH, "c")])
    assert not selects({"a": 1}, [("a", "b")])
    assert not selects({"a": 1}, [])
