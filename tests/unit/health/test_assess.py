"""Dispatch by kind, and the promise that no object whatsoever makes it raise."""

import copy
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controlplane.health import batch, disruption, extension, network, pods, scaling, storage, workloads
from controlplane.health.assess import assess, needs_status
from controlplane.health.status import HEALTHY, Health, HealthStatus, progressing

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TABLES = (batch, disruption, extension, network, pods, scaling, storage, workloads)
WITH_A_RULE: Final = sorted(key for module in TABLES for key in module.RULES)
WELL_AT_BIRTH: Final = [
    ("", "ConfigMap"), ("", "Secret"), ("", "ServiceAccount"), ("", "Namespace"), ("networking.k8s.io", "NetworkPolicy"),
    ("networking.k8s.io", "IngressClass"), ("rbac.authorization.k8s.io", "Role"), ("storage.k8s.io", "StorageClass"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"), ("scheduling.k8s.io", "PriorityClass"),
]  # fmt: skip
OTHERS: Final = [
    ("example.com", "Widget"),
    ("cert-manager.io", "Certificate"),  # one with a rule as data
    ("argoproj.io", "Rollout"),
    ("extensions", "Secret"),
    ("", ""),
]

# The names that rules read, so that chance finds them, with any value under them.
NAMES: Final = st.sampled_from([
    "Progressing", "Ready", "Available", "Stalled", "Reconciling", "availableReplicas", "clusterIP", "conditions",
    "containerStatuses", "creationTimestamp", "deletionTimestamp", "desiredNumberScheduled", "finalizers", "generation",
    "message", "name", "observedGeneration", "partition", "phase", "progressDeadlineSeconds", "reason", "replicas",
    "rollingUpdate", "state", "status", "suspend", "type", "updateStrategy", "waiting",
])  # fmt: skip
WORDS: Final = st.sampled_from(
    ["True", "False", "Unknown", "Pending", "Running", "Failed", "LoadBalancer", "OnDelete", "CrashLoopBackOff", ""]
)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=6),
    max_leaves=24,
)
condition = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("type", "status", "reason", "message"), NAMES | WORDS | json)
)
status = json | st.dictionaries(NAMES, json) | st.fixed_dictionaries({"conditions": st.lists(condition, max_size=4)})


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    group, kind = draw(st.sampled_from(WITH_A_RULE + WELL_AT_BIRTH + OTHERS))
    return {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": draw(json | st.dictionaries(NAMES, json)),
        "spec": draw(json | st.dictionaries(NAMES, json)),
        "status": draw(status),
    }


@settings(deadline=None, max_examples=500)
@given(objects() | json)
@example({"apiVersion": ["v1"], "kind": {}, "metadata": 1})
@example({"apiVersion": "v1", "kind": "Pod", "status": []})
@example({"kind": "Widget", "metadata": {"generation": 10**5000}, "status": {"observedGeneration": float("nan")}})
@example({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": -1}, "status": {"replicas": -(10**40)}})
def test_nothing_makes_it_raise_and_nothing_is_changed(body: Any) -> None:
    before = copy.deepcopy(body)
    health = assess(body, now=NOW)
    assert isinstance(health.status, HealthStatus)
    assert len(health.message) <= 256
    assert health.message.isprintable()
    assert health.recheck_s is None or 0 < health.recheck_s <= 60
    assert body == before


@settings(deadline=None)
@given(objects())
def test_where_no_status_is_needed_the_metadata_alone_says_the_same(body: dict[str, Any]) -> None:
    group = body["apiVersion"].rpartition("/")[0]
    if not needs_status(group, body["kind"]):
        partial = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": body["metadata"]}
        assert assess(partial, now=NOW) == assess(body, now=NOW)
        # as the API server names it when it is asked for metadata only
        assert assess({**partial, "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata"}, now=NOW) == assess(
            body, now=NOW
        )


@pytest.mark.parametrize(("group", "kind"), WELL_AT_BIRTH)
def test_kinds_that_are_well_at_birth_need_no_status(group: str, kind: str) -> None:
    assert not needs_status(group, kind)
    assert assess({"apiVersion": f"{group}/v1".lstrip("/"), "kind": kind, "metadata": {"name": "a"}}) == HEALTHY


@pytest.mark.parametrize(("group", "kind"), WITH_A_RULE + OTHERS)
def test_all_other_kinds_do(group: str, kind: str) -> None:
    assert needs_status(group, kind)


def test_no_two_tables_speak_of_one_kind() -> None:
    assert len(set(WITH_A_RULE)) == len(WITH_A_RULE)


@pytest.mark.parametrize(("group", "kind"), WITH_A_RULE + WELL_AT_BIRTH + OTHERS)
def test_whatever_is_being_deleted_is_progressing(group: str, kind: str) -> None:
    body = {"apiVersion": f"{group}/v1".lstrip("/"), "kind": kind, "metadata": {"deletionTimestamp": "x"}}
    assert assess(body) == progressing("terminating")


@pytest.mark.parametrize(
    ("api", "kind", "expected"),
    [
        pytest.param("v1", "Service", HealthStatus.PROGRESSING, id="the core's Service"),
        pytest.param("example.com/v1", "Service", HealthStatus.HEALTHY, id="another group's Service is another kind"),
    ],
)
def test_a_rule_belongs_to_its_group(api: str, kind: str, expected: HealthStatus) -> None:
    assert assess({"apiVersion": api, "kind": kind, "spec": {"type": "LoadBalancer"}}).status is expected


def test_a_secrets_data_never_shows() -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "data": {"p": "aHVudGVyMg=="}, "stringData": {"p": "hunter2"}}
    assert assess(body) == Health(HealthStatus.HEALTHY)
