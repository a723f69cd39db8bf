"""A foreign write, as a person needs it told."""

from typing import Any

from controlplane.agent.ignored import NOTHING, REPLICAS, Ignored
from controlplane.agent.overwrite import Overwrite, explained, told
from tests.unit.agent.managed import Body, entry, managed

OURS = "controlplane:o"
SENT: Body = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1, "image": "one"}}


def seen(*entries: Body, whole: bool = False, **spec: Any) -> Overwrite:
    body = managed({**SENT, "spec": SENT["spec"] | spec}, *entries)
    return Overwrite("last", "2026-11-27T12:00:00Z", body=body, whole=whole)


def rest(*names: str) -> Body:
    spec = {name: value for name, value in SENT["spec"].items() if name not in names}
    return entry(OURS, {"spec": spec}, operation="Apply")


def test_fields_manager_and_time_are_those_of_the_write() -> None:
    theirs = entry("kubectl-edit", {"spec": {"image": "evil"}}, "2026-11-27T11:00:00Z")
    write = explained(seen(rest("image"), theirs), SENT, OURS, NOTHING)
    assert (write.fields, write.manager, write.time) == (("spec.image",), "kubectl-edit", "2026-11-27T11:00:00Z")
    assert told(write) == "kubectl-edit changed spec.image at 2026-11-27T11:00:00Z"
    assert write.body is None, "what was seen is not kept"
    assert not write.settles


def test_no_value_is_ever_told() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "aHVudGVyMg=="}}
    body = managed({**secret, "data": {"password": "b3RoZXI="}}, entry("x", {"data": {"password": "b3RoZXI="}}))
    write = explained(Overwrite(body=body, whole=True), secret, OURS, NOTHING)
    assert write.fields == ("data.password",)
    assert "aHVu" not in repr(write)
    assert "b3Ro" not in repr(write)


def test_what_was_removed_has_no_owner_so_the_last_writer_is_named() -> None:
    write = explained(seen(rest("image")), SENT, OURS, NOTHING)
    assert told(write) == "last changed spec.image at 2026-11-27T12:00:00Z"


def test_only_so_many_fields_are_named_and_none_is_long() -> None:
    names = [f"key{n}" for n in range(20)] + ["a" * 1000]
    sent = {"metadata": {"name": "c"}, "data": dict.fromkeys(reversed(names), "v")}
    body = managed(sent, entry("x", {"data": sent["data"]}))
    write = explained(Overwrite(body=body), sent, OURS, NOTHING)
    assert len(write.fields) == 8
    assert write.more == 13
    assert max(map(len, write.fields)) == 256
    assert " and 13 more at " in told(write)


def test_what_a_rule_leaves_to_others_settles() -> None:
    theirs = entry("hpa", {"spec": {"replicas": 5}})
    assert explained(seen(rest("replicas"), theirs, replicas=5), SENT, OURS, Ignored(REPLICAS)).settles
    assert explained(seen(rest("replicas"), theirs, replicas=5), SENT, OURS, Ignored((), frozenset({"hpa"}))).settles
    both = entry("hpa", {"spec": {"replicas": 5, "image": "evil"}})
    write = explained(seen(rest("replicas", "image"), both, replicas=5), SENT, OURS, Ignored(REPLICAS))
    assert (write.settles, write.fields) == (False, ("spec.image",))


def test_what_was_put_back_settles_where_the_values_were_seen() -> None:
    theirs = entry("kubectl", {"spec": {"image": "one"}})
    assert explained(seen(rest("image"), theirs, whole=True), SENT, OURS, NOTHING).settles
    assert not explained(seen(rest("image"), theirs), SENT, OURS, NOTHING).settles


def test_a_write_under_our_own_name_is_seen_by_its_values() -> None:
    write = explained(seen(rest(), whole=True, image="evil"), SENT, OURS, NOTHING)
    assert (write.fields, write.settles) == (("spec.image",), False)
    assert explained(seen(rest(), whole=True), SENT, OURS, NOTHING).settles


def test_a_kind_without_managed_fields_is_compared_by_value() -> None:
    write = explained(seen(whole=True, image="evil"), SENT, OURS, NOTHING)
    assert (write.fields, write.settles) == (("spec.image",), False)
    assert explained(seen(), SENT, OURS, NOTHING).fields == ()


def test_a_deletion_has_no_fields() -> None:
    write = Overwrite(time="2026-11-27T12:00:00Z", deleted=True)
    assert explained(write, SENT, OURS, NOTHING) is write
    assert told(write) == "it was deleted, or our label was taken from it at 2026-11-27T12:00:00Z"
    assert told(Overwrite()) == "it was changed"
