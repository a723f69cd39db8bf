"""What is to be done: desired objects against the inventory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.entry import Entry
from controlplane.agent.plan import Plan, plan, removal
from controlplane.api.keys import ObjectKey

A = ObjectKey("", "ConfigMap", "shop", "a")
B = ObjectKey("", "ConfigMap", "shop", "b")
D = ObjectKey("apps", "Deployment", "shop", "d")
OLD, NEW = "old", "new"


def had(hash_: str = OLD, uid: str = "u") -> Entry:
    return Entry(uid=uid, hash=hash_, print="f:1")


@pytest.mark.parametrize(
    ("desired", "entries", "more", "expected"),
    [
        pytest.param({A: NEW}, {}, {}, Plan(apply=((A,),)), id="applies what is new"),
        pytest.param({A: NEW}, {A: had()}, {}, Plan(apply=((A,),)), id="applies a change"),
        pytest.param({A: OLD}, {A: had()}, {}, Plan(), id="sends nothing where nothing changed"),
        pytest.param({A: OLD}, {A: had(uid="")}, {}, Plan(apply=((A,),)), id="finishes what a crash cut off"),
        pytest.param({A: OLD}, {A: had()}, {"drifted": {A}}, Plan(apply=((A,),)), id="heals"),
        pytest.param({A: OLD, D: OLD}, {A: had(), D: had()}, {"again": True}, Plan(apply=((A,), (D,))), id="again"),
        pytest.param({}, {B: had()}, {}, Plan(prune=((B,),)), id="prunes what left git"),
        pytest.param({}, {B: had(), D: had()}, {}, Plan(prune=((D,), (B,))), id="prunes in reverse"),
        pytest.param({}, {B: had()}, {"prune": False}, Plan(kept=(B,)), id="keeps it when prune is off"),
    ],
)
def test_plan(
    desired: dict[ObjectKey, str], entries: dict[ObjectKey, Entry], more: dict[str, object], expected: Plan
) -> None:
    assert plan(desired, entries, **more) == expected  # type: ignore[arg-type]  # a table of keywords


def test_removal_takes_everything() -> None:
    step = removal({A: had(), D: had(uid="")})
    assert step == Plan(prune=((D,), (A,)))


keys = st.builds(ObjectKey, st.sampled_from(["", "apps"]), st.sampled_from(["ConfigMap", "Deployment", "Namespace"]),
                 st.just("shop"), st.sampled_from("abcdef"))  # fmt: skip
objects = st.dictionaries(keys, st.sampled_from([OLD, NEW]))
inventories = st.dictionaries(keys, st.builds(had, st.sampled_from([OLD, NEW, ""]), st.sampled_from(["u", ""])))


@given(objects, inventories, st.booleans())
def test_a_carried_out_plan_leaves_nothing_to_do(
    desired: dict[ObjectKey, str], entries: dict[ObjectKey, Entry], prune: bool
) -> None:
    step = plan(desired, entries, prune=prune)
    after = {key: entry for key, entry in entries.items() if key not in {k for p in step.prune for k in p}}
    after |= {key: had(desired[key]) for phase in step.apply for key in phase}
    assert plan(desired, after, prune=prune).empty


@given(objects, inventories, st.booleans())
def test_a_plan_prunes_only_what_is_in_the_inventory_and_not_desired(
    desired: dict[ObjectKey, str], entries: dict[ObjectKey, Entry], prune: bool
) -> None:
    step = plan(desired, entries, prune=prune)
    going = {key for phase in step.prune for key in phase}
    assert going <= entries.keys() - desired.keys()
    assert {key for phase in step.apply for key in phase} <= desired.keys()
    assert not going or prune


def test_the_last_wave_is_applied_last_and_goes_first() -> None:
    step = plan({A: NEW, B: NEW, D: NEW}, {}, waves={B: 1, A: 2})
    assert step.apply == ((D,), (B,), (A,))
    gone = {A: Entry("u", OLD, wave=2), B: Entry("u", OLD, wave=1), D: Entry("u", OLD)}
    assert plan({}, gone).prune == removal(gone).prune == ((A,), (B,), (D,))
