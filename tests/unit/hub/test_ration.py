"""Who gets what of what is prepared: clusters that are kept keep whatever they have, and permits go with what they are from."""

from dataclasses import replace
from typing import cast

from controlplane.api.keys import ClusterName, Digest, ObjectKey, TenantName
from controlplane.api.model import CommitInfo
from controlplane.hub.children import ChildPlan
from controlplane.hub.dispatch import Payload
from controlplane.hub.prepare import Prepared
from controlplane.hub.ration import Ration
from controlplane.hub.rollout import Choice
from controlplane.hub.sources import Head
from controlplane.hub.world import World
from controlplane.policy.gate import Permit
from controlplane.render.readset import ReadSet
from tests.objects import a_child
from tests.unit.hub.objects import application, work

EAST, WEST = ClusterName("east"), ClusterName("west")
NEW, OLD = Digest("sha256:" + "b" * 64), Digest("sha256:" + "c" * 64)
APP = application(placement={"namespace": "payments"})


def prepared(digest: Digest, revision: str) -> Prepared:
    head = Head("https://a/b", revision, f"main@sha1:{revision}", CommitInfo())
    payloads = dict.fromkeys((EAST, WEST), Payload(digest, 1, 1))
    return Prepared(head, ReadSet("", ()), payloads, {}, {}, (), cast(Permit, None))


def given(ration: Ration) -> tuple[dict[ClusterName, str], frozenset[ClusterName]]:
    works = {EAST: work("east")}
    portion = ration.portion(APP, TenantName("payments"), prepared(NEW, "2"), works, World())
    digests = {cluster: spec.artifact.digest[7:8] for cluster, spec in portion.wanted.items() if spec.artifact}
    assert portion.sources.keys() == portion.wanted.keys() - portion.kept
    return digests, portion.kept


def test_without_a_word_everybody_gets_what_is_prepared() -> None:
    assert given(Ration()) == ({EAST: "b", WEST: "b"}, frozenset())


def test_who_is_kept_has_what_it_had_and_nothing_where_it_had_nothing() -> None:
    assert given(Ration(everybody=Choice.KEEP)) == ({EAST: "a"}, frozenset({EAST}))
    assert given(Ration(choices={"west": Choice.KEEP})) == ({EAST: "b"}, frozenset())


def test_what_was_good_comes_from_there_and_with_its_revision() -> None:
    ration = Ration(choices={"east": Choice.GOOD}, back=prepared(OLD, "1"))
    portion = ration.portion(APP, TenantName("payments"), prepared(NEW, "2"), {}, World())
    assert portion.wanted[EAST].revision == "main@sha1:1"
    assert portion.sources[EAST] is ration.back
    assert given(ration)[0] == {EAST: "c", WEST: "b"}


def test_what_cannot_be_brought_back_stays_as_it_is() -> None:
    assert given(Ration(choices={"east": Choice.GOOD})) == ({EAST: "a", WEST: "b"}, frozenset({EAST}))


def test_applications_of_a_root_are_rationed_and_what_they_read_is_not() -> None:
    web, api, repository = a_child(), a_child("Application", "api"), a_child("Repository", "team")
    gone = ObjectKey(web.key.group, "Application", "tenant-payments", "gone")
    step = ChildPlan((repository, web, api), (gone,))
    some = Ration(choices={"tenant-payments/web": Choice.TARGET}, children=Choice.KEEP)
    assert some.due_children(step) == ChildPlan((repository, web), ())
    assert replace(some, children=Choice.TARGET).due_children(step) == step
