"""Fields that rules leave to others: what is applied to an object that is there."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.ignored import NOTHING, REPLICAS, Ignored, fitted, ignored_of, unreadable
from controlplane.api.fieldpath import EACH, FieldPath, Where
from controlplane.api.ignore import IgnoreRule
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import LABEL_OWNER
from tests.unit.agent.managed import Body, entry, is_keyed, managed

OURS = "controlplane:o"
WEB = ObjectKey("apps", "Deployment", "shop", "web")


def web(**spec: Any) -> Body:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {LABEL_OWNER: "o", "app": "web"}},
        "spec": {"replicas": 1, "containers": [{"name": "app", "image": "one", "args": ["x"]}]} | spec,
    }


def fit(body: Body, live: Body, *paths: FieldPath, managers: frozenset[str] = frozenset()) -> tuple[Body, bool]:
    return fitted(body, live, OURS, Ignored(paths, managers))


def ours(body: Body) -> Body:
    return entry(OURS, {"metadata": {"labels": body["metadata"]["labels"]}, "spec": body["spec"]}, operation="Apply")


def test_a_field_that_another_owns_is_left_out() -> None:
    live = managed(web(replicas=5), ours({**web(), "spec": {}}), entry("hpa", {"spec": {"replicas": 5}}))
    made, took_live = fit(web(), live, *REPLICAS)
    assert "replicas" not in made["spec"]
    assert made["spec"]["containers"] == web()["spec"]["containers"]
    assert not took_live


def test_a_field_that_is_ours_alone_is_applied_as_it_is() -> None:
    made, took_live = fit(web(replicas=2), managed(web(replicas=5), ours(web())), *REPLICAS)
    assert made["spec"]["replicas"] == 5
    assert took_live


def test_a_field_that_was_taken_away_stays_away() -> None:
    live = web()
    del live["spec"]["replicas"]
    made, took_live = fit(web(), managed(live, ours(live)), *REPLICAS)
    assert "replicas" not in made["spec"]
    assert not took_live


IMAGE: FieldPath = ("spec", "containers", EACH, Where(("name",), "app"), "image")


def test_one_field_of_one_item_of_a_list() -> None:
    theirs = entry("updater", {"spec": {"containers": [{"name": "app", "image": "new"}]}})
    wanted = web()
    wanted["spec"]["containers"].append({"name": "log", "image": "two"})
    live = copy.deepcopy(wanted)
    live["spec"]["containers"][0]["image"] = "new"
    made, _ = fit(wanted, managed(live, ours(live), theirs), IMAGE)
    assert made["spec"]["containers"] == [{"name": "app", "args": ["x"]}, {"name": "log", "image": "two"}]


def test_an_item_that_is_new_begins_as_git_says() -> None:
    wanted = web(containers=[{"name": "app", "image": "one", "args": ["x"]}, {"name": "more", "image": "m"}])
    made, _ = fit(wanted, managed(web(), ours(web())), ("spec", "containers", EACH, "image"))
    assert made["spec"]["containers"][1] == {"name": "more", "image": "m"}


def test_a_part_of_a_list_that_is_one_field_leaves_the_whole_of_it() -> None:
    path: FieldPath = ("spec", "containers", EACH, "args", 0)
    taken = managed(web(), ours(web()), entry("x", {"spec": {"containers": [{"name": "app", "args": ["y"]}]}}))
    made, _ = fit(web(), taken, path)
    assert made["spec"]["containers"] == [{"name": "app", "image": "one"}]
    beyond: FieldPath = ("spec", "containers", EACH, "args", 7)
    assert fit(web(), taken, beyond)[0] == web(), "a path to nothing leaves nothing"


def test_a_map_that_is_left_keeps_only_what_is_ours_alone() -> None:
    live = web()
    live["metadata"]["labels"] |= {"app": "other", "theirs": "1"}
    mine = {**web(), "metadata": {"labels": {LABEL_OWNER: "o"}}}
    theirs = entry("x", {"metadata": {"labels": {"app": "other", "theirs": "1"}}})
    made, _ = fit(web(), managed(live, ours(mine), theirs), ("metadata", "labels"))
    assert made["metadata"]["labels"] == {LABEL_OWNER: "o"}


@pytest.mark.parametrize(
    "path", [("metadata",), ("metadata", "labels"), ("metadata", "labels", EACH), (EACH,), (EACH, EACH)]
)
def test_no_path_takes_from_an_object_what_says_which_and_whose_it_is(path: FieldPath) -> None:
    live = managed(web(), entry("x", {k: v for k, v in web().items() if k in ("metadata", "spec")}))
    made, _ = fit(web(), live, path)
    assert (made["apiVersion"], made["kind"]) == ("apps/v1", "Deployment")
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == ("web", "shop")
    assert made["metadata"]["labels"] == {LABEL_OWNER: "o"}


def test_what_a_manager_has_taken_is_left_to_it_and_nothing_else() -> None:
    theirs = entry("updater", {"spec": {"replicas": 5, "containers": [{"name": "app", "image": "new"}]}})
    others = entry("other", {"metadata": {"labels": {"app": "x"}}})
    live = managed(web(), ours({**web(), "spec": {}}), theirs, others)
    made, _ = fit(web(), live, managers=frozenset({"updater"}))
    assert made["spec"] == {"containers": [{"name": "app", "args": ["x"]}]}
    assert made["metadata"]["labels"]["app"] == "web"


def test_the_rules_of_an_object() -> None:
    rules = [
        IgnoreRule(group="apps", kind="Deployment", jq_paths=(".spec.paused",), managers=("m",)),
        IgnoreRule(group="apps", kind="Deployment", name="other", jq_paths=(".spec.x",)),
        IgnoreRule(group="*", kind="*", json_pointers=("/metadata/labels/controlplane.dev~1owner", "/spec/y")),
        IgnoreRule(group="apps", kind="Deployment", jq_paths=("nonsense",)),
    ]
    found = ignored_of(WEB, rules, lambda key: key == WEB)
    assert found == Ignored((*REPLICAS, ("spec", "paused"), ("spec", "y")), frozenset({"m"}))
    assert not ignored_of(WEB, rules[1:2], lambda key: False)
    assert ignored_of(WEB, (), lambda key: False) is NOTHING
    assert "nonsense" in unreadable(rules)
    assert unreadable(rules[:3]) == ""


# --- rules never touch what they do not mean

_scalars = st.integers(0, 3) | st.sampled_from(["x", "y"])
_names = st.sampled_from(["a", "b", "c"])


def _items(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Body]]:
    item = st.fixed_dictionaries({"name": _names}, optional={"v": values, "w": values})
    return st.lists(item, min_size=1, max_size=3, unique_by=lambda each: each["name"])


_values = st.recursive(
    _scalars | st.lists(_scalars, min_size=1, max_size=3),
    lambda inner: st.dictionaries(_names, inner, min_size=1, max_size=3) | _items(inner),
    max_leaves=12,
)
_bodies = st.dictionaries(_names, _values, min_size=1, max_size=3).map(
    lambda spec: {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec}
)
_steps = st.sampled_from([EACH, "a", "b", "c", "v", "w", "name", 0, 1, "0", Where(("name",), "a"), Where(("v",), 1)])
_paths = st.lists(_steps, max_size=4).map(lambda steps: ("spec", *steps))
Place = tuple[str | int, ...]


def _meant(value: Any, path: FieldPath, at: Place = ()) -> Iterator[Place]:
    """Every place that a path leads to: the plainest way to read it."""
    if not path:
        yield at
        return
    head, rest = path[0], path[1:]
    if isinstance(head, Where):
        if head.holds(value):
            yield from _meant(value, rest, at)
        return
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        if head is EACH or (isinstance(head, str) and head == str(name)) or (head == name):
            yield from _meant(child, rest, (*at, name))


def _fields(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every field that can be owned by itself."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _fields(child, (*at, name))
    elif is_keyed(value):
        for item in value:
            for name, child in item.items():
                yield from _fields(child, (*at, f"[{item['name']}]", name))
    else:
        yield at, value


def _by_name(place: Place, body: Any) -> Place:
    """The place with items of keyed lists called by their names."""
    found: list[str | int] = []
    for step in place:
        if isinstance(step, int) and is_keyed(body):
            found.append(f"[{body[step]['name']}]")
        else:
            found.append(step)
        children: dict[str | int, Any] = dict(enumerate(body)) if isinstance(body, list) else body
        body = children[step]
    return tuple(found)


@given(wanted=_bodies, there=_bodies, mine=_bodies, theirs=_bodies, paths=st.lists(_paths, max_size=3))
def test_rules_touch_no_field_that_they_do_not_mean(
    wanted: Body, there: Body, mine: Body, theirs: Body, paths: list[FieldPath]
) -> None:
    live = managed(there, entry(OURS, {"spec": mine["spec"]}, operation="Apply"), entry("x", {"spec": theirs["spec"]}))
    before = copy.deepcopy((wanted, live))
    made, _ = fit(wanted, live, *paths)
    assert (wanted, live) == before, "what was given is left alone"
    meant = [_by_name(place, wanted) for path in paths for place in _meant(wanted, path)]
    kept = dict(_fields(made))
    structure = dict(_fields(there)) | dict(_fields(mine)) | dict(_fields(theirs))
    for place, value in _fields(wanted):
        if any(place[: len(p)] == p or p[: len(place)] == place for p in meant):
            continue
        if any(p[: len(unit)] == unit and place[: len(unit)] == unit for p in meant for unit in structure):
            continue  # within a field that others own only as a whole
        assert kept.get(place) == value, place


@given(wanted=_bodies, there=_bodies, paths=st.lists(_paths, max_size=3))
def test_what_is_fitted_fits(wanted: Body, there: Body, paths: list[FieldPath]) -> None:
    live = managed(there, entry(OURS, {"spec": there["spec"]}, operation="Apply"))
    made, _ = fit(wanted, live, *paths)
    again, _ = fit(made, live, *[path for path in paths if not any(isinstance(step, Where | int) for step in path)])
    assert again == made or any(isinstance(step, Where | int) or step == "0" for path in paths for step in path)
    assert fit(wanted, live)[0] == wanted, "without rules it is what Git says"
