"""Waves and hooks as annotations say them: ours, Argo CD's, Helm's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.order import MAX_WAVE, BadOrder, HookDelete, Moment, Order, is_hook, order_of, wave_of

WAVE, HOOK, DELETE = "controlplane.dev/wave", "controlplane.dev/hook", "controlplane.dev/hook-delete"
ARGO_WAVE, ARGO_HOOK = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook"
ARGO_DELETE = "argocd.argoproj.io/hook-delete-policy"
WEIGHT, HELM_HOOK, HELM_DELETE = "helm.sh/hook-weight", "helm.sh/hook", "helm.sh/hook-delete-policy"
BEFORE = frozenset({HookDelete.BEFORE})


def body(annotations: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": annotations}}


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param(None, Order(), id="an ordinary object"),
        pytest.param({WAVE: "-3"}, Order(-3), id="our wave"),
        pytest.param({WAVE: "2", ARGO_WAVE: "5"}, Order(2), id="ours wins"),
        pytest.param({ARGO_WAVE: "+5"}, Order(5), id="Argo CD's wave"),
        pytest.param({WEIGHT: "7"}, Order(), id="a weight without a hook is none"),
        pytest.param({WAVE: str(MAX_WAVE)}, Order(MAX_WAVE), id="the last wave"),
        pytest.param({HOOK: "pre-sync"}, Order(0, (Moment.PRE_SYNC,), BEFORE), id="our hook"),
        pytest.param({HOOK: "skip"}, Order(skip=True), id="never applied"),
        pytest.param({HOOK: "post-sync", ARGO_HOOK: "PreSync"}, Order(0, (Moment.POST_SYNC,), BEFORE), id="our hook wins"),
        pytest.param({ARGO_HOOK: "Sync", ARGO_WAVE: "1"}, Order(1, (Moment.SYNC,), BEFORE), id="Argo CD's hook"),
        pytest.param(
            {ARGO_HOOK: "PostSync, PreSync", ARGO_DELETE: "HookSucceeded,HookFailed"},
            Order(0, (Moment.PRE_SYNC, Moment.POST_SYNC), frozenset({HookDelete.SUCCEEDED, HookDelete.FAILED})),
            id="two moments, two policies",
        ),
        pytest.param({ARGO_HOOK: "SyncFail"}, Order(0, (Moment.SYNC_FAIL,), BEFORE), id="on failure"),
        pytest.param({ARGO_HOOK: "PreDelete"}, Order(0, (Moment.PRE_DELETE,), BEFORE), id="before deletion"),
        pytest.param({ARGO_HOOK: "PostDelete"}, Order(0, (Moment.POST_DELETE,), BEFORE), id="after deletion"),
        pytest.param({ARGO_HOOK: "Skip"}, Order(skip=True), id="Argo CD's skip"),
        pytest.param(
            {HELM_HOOK: "pre-install,pre-upgrade", WEIGHT: "-5", HELM_DELETE: "hook-succeeded"},
            Order(-5, (Moment.PRE_SYNC,), frozenset({HookDelete.SUCCEEDED})),
            id="Helm's, before",
        ),
        pytest.param({HELM_HOOK: "post-install, post-upgrade"}, Order(0, (Moment.POST_SYNC,), BEFORE), id="Helm's, after"),
        pytest.param({HELM_HOOK: "pre-delete"}, Order(0, (Moment.PRE_DELETE,), BEFORE), id="Helm's, on deletion"),
        pytest.param({HELM_HOOK: "test"}, Order(skip=True), id="a test is not applied"),
        pytest.param({HELM_HOOK: "pre-rollback"}, Order(skip=True), id="there is no rollback of Helm's"),
        pytest.param(
            {HELM_HOOK: "post-upgrade,post-rollback"}, Order(0, (Moment.POST_SYNC,), BEFORE), id="what is known counts"
        ),
        pytest.param({HELM_HOOK: "crd-install"}, Order(), id="a CRD of Helm 2 is a CRD"),
        pytest.param(
            {ARGO_HOOK: "PreSync", HELM_HOOK: "post-install"}, Order(0, (Moment.PRE_SYNC,), BEFORE), id="Argo CD's before Helm's"
        ),
        pytest.param(
            {ARGO_HOOK: "Sometime", HELM_HOOK: "post-install"},
            Order(0, (Moment.POST_SYNC,), BEFORE),
            id="Helm's, where Argo CD knows none of its own",
        ),
        pytest.param({HOOK: "sync", DELETE: "failed"}, Order(0, (Moment.SYNC,), frozenset({HookDelete.FAILED})), id="our policy"),
    ],
)  # fmt: skip
def test_annotations_say_when(annotations: object, expected: Order) -> None:
    assert order_of(body(annotations)) == expected
    assert is_hook(body(annotations)) == (bool(expected.moments) or expected.skip)


@pytest.mark.parametrize(
    ("annotations", "named"),
    [
        ({WAVE: "first"}, "annotation controlplane.dev/wave is 'first'"),
        ({ARGO_WAVE: "1.5"}, "sync-wave is '1.5'"),
        ({WAVE: ""}, "wave is ''"),
        ({WAVE: "-+1"}, "wave is '-+1'"),
        ({WAVE: "١"}, "wave is"),
        ({WAVE: str(MAX_WAVE + 1)}, "from -1000000 to 1000000"),
        ({WAVE: "9" * 1_000_000}, "a wave is a whole number"),
        ({HOOK: "before"}, "names 'before', which is none of pre-sync"),
        ({HOOK: " , "}, "annotation controlplane.dev/hook is empty"),
        ({ARGO_HOOK: "presync"}, "none of PreSync"),
        ({HELM_HOOK: "pre-flight"}, "names 'pre-flight'"),
        ({HOOK: "sync", DELETE: "always"}, "hook-delete names 'always'"),
    ],
)
def test_what_says_nothing_that_we_know_is_named(annotations: dict[str, str], named: str) -> None:
    with pytest.raises(BadOrder) as refused:
        order_of(body(annotations))
    assert named in str(refused.value)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("annotations", [[], "text", {WAVE: 1}, {HOOK: None}])
def test_annotations_of_another_shape_say_nothing(annotations: object) -> None:
    assert order_of(body(annotations)) == Order()


@given(
    st.dictionaries(
        st.sampled_from([WAVE, HOOK, DELETE, ARGO_WAVE, ARGO_HOOK, HELM_HOOK, WEIGHT, HELM_DELETE]), st.text()
    )
)
def test_no_text_does_worse_than_a_named_refusal(annotations: dict[str, str]) -> None:
    try:
        order = order_of(body(annotations))
    except BadOrder:
        return
    assert abs(order.wave) <= MAX_WAVE
    assert not (order.skip and order.moments)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, None, id="nothing is said"),
        pytest.param({"controlplane.dev/wave": "0"}, 0, id="0 is said"),
        pytest.param({"argocd.argoproj.io/sync-wave": "-3"}, -3, id="Argo CD's"),
        pytest.param({"controlplane.dev/wave": "2", "argocd.argoproj.io/sync-wave": "1"}, 2, id="ours wins"),
        pytest.param(
            {"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "5"}, None, id="a weight is of Helm's hooks"
        ),
        pytest.param({"controlplane.dev/hook": "nonsense", "controlplane.dev/wave": "1"}, 1, id="whatever hooks say"),
    ],
)
def test_the_wave_by_itself(annotations: dict[str, str], expected: int | None) -> None:
    assert wave_of({"metadata": {"annotations": annotations}}) == expected


def test_a_wave_by_itself_that_is_none_is_refused() -> None:
    with pytest.raises(BadOrder, match="'soon'"):
        wave_of({"metadata": {"annotations": {"controlplane.dev/wave": "soon"}}})
