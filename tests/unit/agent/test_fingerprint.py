"""Is an object still as we applied it? From managedFields alone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.fingerprint import desired_hash, marks_of, without_managed_fields

OURS = "controlplane:" + "a" * 32
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:app": {}}, "f:annotations": {"f:note": {}}},
    "f:spec": {"f:replicas": {}, "f:image": {}},
}


def entry(
    manager: str = OURS, operation: str = "Apply", time: str = "2026-11-23T10:00:00Z", **more: Any
) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "time": time,
        "apiVersion": "apps/v1",
        "fieldsV1": FIELDS,
    } | more


def live(*entries: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"managedFields": list(entries), "labels": {"app": "web"}} | meta}


def test_status_and_foreign_fields_leave_the_mark_alone() -> None:
    before = marks_of(live(entry()), OURS)
    status = entry("kube-controller-manager", "Update", "2026-11-23T10:00:05Z", subresource="status")
    foreign = entry("kubectl", "Update", "2026-11-23T10:00:06Z", fieldsV1={"f:metadata": {"f:labels": {"f:x": {}}}})
    after = marks_of(live(entry(), status, foreign), OURS)
    assert after.print == before.print
    assert after.culprit == "kubectl"
    assert (before.shared, after.shared) == (False, True)


def test_a_field_that_was_taken_changes_the_mark_and_names_who_took_it() -> None:
    taken = {"f:metadata": FIELDS["f:metadata"], "f:spec": {"f:image": {}}}
    scaler = entry(
        "kubectl", "Update", "2026-11-23T10:00:06Z", subresource="scale", fieldsV1={"f:spec": {"f:replicas": {}}}
    )
    after = marks_of(live(entry(fieldsV1=taken), scaler), OURS)
    before = marks_of(live(entry()), OURS)
    assert after.print != before.print
    assert after.fields != before.fields
    assert after.culprit == "kubectl"


def test_a_later_apply_under_our_name_changes_the_mark_but_not_the_fields() -> None:
    before, after = marks_of(live(entry()), OURS), marks_of(live(entry(time="2026-11-23T10:00:01Z")), OURS)
    assert after.print != before.print
    assert after.fields == before.fields


def test_an_entry_that_is_gone_is_seen() -> None:
    assert marks_of(live(entry("kubectl")), OURS).print == "n:"


def test_a_put_under_our_name_is_not_our_entry_and_nobodys_fault_but_ours() -> None:
    marks = marks_of(live(entry(operation="Update")), OURS)
    assert (marks.print, marks.culprit) == ("n:", "")


def test_status_applied_under_our_name_is_not_our_entry() -> None:
    assert marks_of(live(entry(subresource="status")), OURS).print == "n:"


def test_without_managed_fields_the_content_counts() -> None:
    one = {
        "kind": "Metric",
        "metadata": {"resourceVersion": "1", "generation": 1},
        "spec": {"a": 1},
        "status": {"x": 1},
    }
    same = one | {"metadata": {"resourceVersion": "2", "generation": 1}, "status": {"x": 2}}
    other = one | {"spec": {"a": 2}}
    assert marks_of(one, OURS).print == marks_of(same, OURS).print != marks_of(other, OURS).print
    assert without_managed_fields(marks_of(one, OURS).print)
    assert not without_managed_fields(marks_of(live(entry()), OURS).print)


def test_stripped_managed_fields_are_seen() -> None:
    assert marks_of(live(), OURS).print != marks_of(live(entry()), OURS).print


def test_values_are_those_of_our_own_labels_and_annotations() -> None:
    base = marks_of(live(entry()), OURS).values
    assert marks_of(live(entry(), labels={"app": "web", "other": "x"}), OURS).values == base
    assert marks_of(live(entry(), annotations={"deployment.kubernetes.io/revision": "1"}), OURS).values == base
    assert marks_of(live(entry(), labels={"app": "other"}), OURS).values != base


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(-5, 5), st.text(max_size=5), st.none()), max_size=6))
def test_the_hash_of_a_body_does_not_hang_on_the_order_of_its_keys(body: dict[str, Any]) -> None:
    assert desired_hash(body) == desired_hash(dict(reversed(body.items())))


def test_the_hash_of_a_body_is_of_its_content() -> None:
    assert desired_hash({"a": 1}) != desired_hash({"a": 2})
    assert len(desired_hash({})) == 16
