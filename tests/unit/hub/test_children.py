"""A root's children: what is written, what is pruned, what counts as being as it should be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.keys import NamespacedName, ObjectKey, key_of
from controlplane.api.labels import FINALIZER, LABEL_OWNER
from controlplane.api.manifest import Manifest
from controlplane.api.names import owner_hash
from controlplane.hub.children import (
    ChildPlan,
    child_manifests,
    contains,
    decode_inventory,
    encode_inventory,
    plan_children,
)

ROOT = NamespacedName("controlplane-system", "tenants")


def body(kind: str, name: str, namespace: str = "", **spec: Any) -> dict[str, Any]:
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "controlplane.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def live(manifest: Manifest, uid: str = "u1", **changes: Any) -> dict[str, Any]:
    meta = {**manifest.body["metadata"], "uid": uid}
    return {**manifest.body, "metadata": meta, **changes}


APP = child_manifests(ROOT, [Manifest.of(body("Application", "web", "tenant-a", source={"repository": "r"}))])[0]


def test_children_are_marked_and_ordered_so_that_nobody_misses_what_it_needs() -> None:
    rendered = [
        Manifest.of(body("Application", "web", "tenant-a")),
        Manifest.of(body("Repository", "team", "tenant-a")),
        Manifest.of(body("Tenant", "a")),
        Manifest.of(body("Application", "own")),
    ]
    made = child_manifests(ROOT, rendered)
    assert [m.key.kind for m in made] == ["Tenant", "Repository", "Application", "Application"]
    assert all(m.body["metadata"]["labels"][LABEL_OWNER] == owner_hash(ROOT) for m in made)
    assert {m.key.namespace for m in made if m.key.name == "own"} == {ROOT.namespace}
    assert made[0].body["metadata"]["finalizers"] == [FINALIZER]
    assert all(m.key == key_of(m.body) for m in made)
    assert "labels" not in rendered[0].body["metadata"], "what was rendered is left alone"


@pytest.mark.parametrize(
    ("known", "there", "expected"),
    [
        pytest.param({}, {}, ChildPlan((APP,), ()), id="new"),
        pytest.param({APP.key: "u1"}, {APP.key: live(APP)}, ChildPlan((), ()), id="as it should be"),
        pytest.param({APP.key: "u1"}, {}, ChildPlan((APP,), ()), id="deleted by hand"),
        pytest.param(
            {APP.key: ""}, {APP.key: live(APP)}, ChildPlan((APP,), ()), id="recorded, not known to be applied"
        ),
        pytest.param({APP.key: "u0"}, {APP.key: live(APP)}, ChildPlan((APP,), ()), id="another object of that name"),
        pytest.param(
            {APP.key: "u1"},
            {APP.key: live(APP, spec={"source": {"repository": "x"}})},
            ChildPlan((APP,), ()),
            id="edited",
        ),
        pytest.param(
            {APP.key: "u1"},
            {APP.key: live(APP, spec={"source": {"repository": "r", "path": "."}, "sync": {"mode": "Automatic"}})},
            ChildPlan((), ()),
            id="defaults that the API server added are no difference",
        ),
    ],
)
def test_plan(known: dict[ObjectKey, str], there: dict[ObjectKey, dict[str, Any]], expected: ChildPlan) -> None:
    assert plan_children([APP], known, there, prune=True) == expected


def test_a_field_that_leaves_git_is_a_difference_and_null_is_none() -> None:
    def made(**spec: Any) -> Manifest:
        return child_manifests(ROOT, [Manifest.of(body("Application", "web", "tenant-a", **spec))])[0]

    before, after = made(source={"repository": "r"}, dependsOn=[{"name": "db"}]), made(source={"repository": "r"})
    known = {before.key: "u1"}
    assert plan_children([after], known, {before.key: live(before)}, prune=True).apply == (after,)
    assert plan_children([before], known, {before.key: live(before)}, prune=True).apply == ()
    empty = made(source={"repository": "r"}, placement=None)
    stored = live(empty, spec={"source": {"repository": "r"}})
    assert plan_children([empty], known, {empty.key: stored}, prune=True).apply == ()


def test_what_left_git_is_pruned_applications_before_what_they_read() -> None:
    keys = [ObjectKey("controlplane.dev", kind, "", "x") for kind in ("Tenant", "Repository", "Application")]
    step = plan_children([], dict.fromkeys(keys, "u"), {}, prune=True)
    assert [key.kind for key in step.prune] == ["Application", "Repository", "Tenant"]
    assert plan_children([], dict.fromkeys(keys, "u"), {}, prune=False).prune == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(value=json_values)
def test_everything_contains_itself(value: Any) -> None:
    assert contains(value, value)


@given(names=st.dictionaries(st.text("abc-", min_size=1, max_size=8), st.text("0123456789abcdef", max_size=8)))
def test_an_inventory_is_read_as_it_was_written(names: dict[str, str]) -> None:
    entries = {ObjectKey("controlplane.dev", "Application", "tenant-a", name): uid for name, uid in names.items()}
    assert decode_inventory(encode_inventory(ROOT, entries)) == (ROOT, entries)


def test_what_a_person_asks_of_a_child_is_not_taken_back_by_its_root() -> None:
    asked = {"pin": {"revision": "abcd"}, "suspend": {"by": "ann"}, "request": {"sync": "now"}}
    there = live(APP, spec=APP.body["spec"] | asked)
    assert plan_children([APP], {APP.key: "u1"}, {APP.key: there}, prune=True) == ChildPlan((), ())
