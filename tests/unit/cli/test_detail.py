"""What `cpctl app get` tells of an Application."""

import pytest

from controlplane.api.keys import NamespacedName
from controlplane.cli.detail import detail_queries, detail_view
from controlplane.cli.view import View
from controlplane.kube.request import Body
from tests.unit.cli.bodies import an_app, snapshot_of, work_of


def seen(body: Body, *others: Body) -> View:
    view = detail_view(snapshot_of(body, *others), body["metadata"]["namespace"], body["metadata"]["name"])
    assert view is not None
    return view


def text(view: View) -> str:
    rows = (row for table in view.tables for row in table.rows)
    return "\n".join([*(" | ".join(cell.text for cell in row) for row in rows), *view.notes])


def test_an_application_with_its_commit_and_clusters() -> None:
    body = an_app(
        spec={"placement": {"namespace": "payments"}},
        commit={"author": "Robin <robin@example.com>", "time": "2026-11-23T10:00:00Z", "message": "Greet louder"},
        clusters={"total": 2, "ready": 1, "offline": 1},
    )
    drift = {"healed": 3, "object": "Deployment.apps payments/web", "manager": "kubectl-scale"}
    told = text(seen(body, work_of("east", body), work_of("west", body, ready=False, drift=drift)))
    assert "source | team, path apps/web" in told
    assert "author | Robin <robin@example.com>, 2026-11-23T10:00:00Z" in told
    assert "clusters | 1 ready, 1 offline of 2; selects: all that the tenant may use" in told
    assert "west | False (NotYet) | 4/4" in told
    assert "3x, last Deployment.apps payments/web after kubectl-scale" in told


def test_only_its_own_works_are_shown() -> None:
    body = an_app("web")
    others = an_app("web", "tenant-storefront"), an_app("web-2")
    tables = seen(body, work_of("east", body), *(work_of("west", other) for other in others)).tables
    assert [row[0].text for row in tables[-1].rows] == ["east"]


def test_a_refused_commit_is_shown_with_its_rule_and_place() -> None:
    problem = {
        "object": "ConfigMap kube-system/x", "file": "apps/web/x.yaml", "line": 3, "rule": "tenant payments: namespaces",
        "reason": "NamespaceDenied", "message": "payments may not deploy into kube-system",
    }  # fmt: skip
    stalled = {"type": "Stalled", "status": "True", "reason": "Denied", "message": "one object is denied"}
    body = an_app(
        ready=False, attemptedRevision="main@sha1:9a0e000000", problems=[problem], conditions=[stalled],
    )  # fmt: skip
    told = text(seen(body))
    assert "attempted | main@9a0e000, which is not delivered" in told
    assert "ConfigMap kube-system/x | - | apps/web/x.yaml:3 | tenant payments: namespaces | NamespaceDenied" in told
    assert "It is stuck until something changes: Denied: one object is denied" in told


def test_a_held_change_says_what_would_go_and_the_command_that_lets_it() -> None:
    held = {"token": "4f1c-9", "revision": "main@sha1:9a0e000000", "removes": 12, "of": 20, "objects": ["a", "b"]}
    told = text(seen(an_app(ready=False, held=held)))
    assert "main@9a0e000 would remove 12 of 20 objects: a, b and 10 more." in told
    assert "cpctl app approve tenant-payments/web --token 4f1c-9" in told


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(an_app(spec={"suspend": {"by": "robin", "reason": "an incident"}}), "by robin: an incident", id="who"),
        pytest.param(an_app(spec={"suspend": {"by": "robin"}}), "cpctl app resume tenant-payments/web", id="how to go on"),
        pytest.param(an_app(spec={"dependsOn": [{"name": "database"}]}), "is not there", id="a missing dependency"),
        pytest.param(
            an_app(ready=False, conditions=[{"type": "Reconciling", "status": "True", "reason": "DependencyNotReady",
                                             "message": "database"}]),
            "It waits: DependencyNotReady: database", id="what it waits for",
        ),
        pytest.param(an_app(root=NamespacedName("tenant-payments", "payments")), "the root payments", id="its root"),
        pytest.param(an_app(children={"total": 3, "ready": 2, "degraded": 1}), "2 ready, 1 degraded of 3", id="children"),
        pytest.param(an_app(ready=None), "", id="nobody has looked yet"),
    ],
)  # fmt: skip
def test_what_else_is_told(body: Body, says: str) -> None:
    assert says in text(seen(body))


def test_whom_it_waits_for_and_since_when() -> None:
    waits = [
        {"application": "tenant-payments/database", "why": "Ready False: Progressing", "since": "2026-11-27T12:03:11Z"},
        {"application": "controlplane-system/base", "why": "it is being deleted", "since": "x", "clusters": ["east"]},
    ]
    spec = {"dependsOn": [{"name": "base", "namespace": "controlplane-system", "on": "SameCluster"}]}
    told = text(seen(an_app(ready=False, waitsFor=waits, spec=spec)))
    assert "waits for | database (Ready False: Progressing) since 2026-11-27T12:03:11Z" in told
    assert "waits for | controlplane-system/base on east (it is being deleted) since x" in told
    assert "depends on | controlplane-system/base, each cluster by itself" in told


@pytest.mark.parametrize(
    ("phase", "says", "command"),
    [
        ("Soaking", "Soaking: main@9a0e000, step 2 of 3 since then", ""),
        ("Done", "Done: main@9a0e000", ""),
        ("WaitingForApproval", "WaitingForApproval", "cpctl app approve tenant-payments/web --token abc"),
        ("RolledBack", "Its rollout failed: east: Degraded.", "cpctl app sync tenant-payments/web"),
    ],
)
def test_how_far_a_rollout_is_and_the_command_where_a_person_is_needed(phase: str, says: str, command: str) -> None:
    rollout = {
        "phase": phase, "revision": "main@sha1:9a0e000000", "step": 2, "of": 3, "updated": 5, "total": 20, "stepSince": "then",
        "message": "east: Degraded", "token": "abc",
    }  # fmt: skip
    told = text(seen(an_app(ready=phase == "Done", rollout=rollout)))
    assert says in told
    assert "5 of 20 are Ready with it; east: Degraded" in told
    assert command in told


def test_one_that_goes_says_what_it_waits_for() -> None:
    body = an_app()
    body["metadata"] |= {"deletionTimestamp": "2026-11-23T10:00:00Z", "finalizers": ["controlplane.dev/hub"]}
    assert "waits until its objects are removed everywhere (controlplane.dev/hub)" in text(seen(body))


def test_one_that_is_gone_is_none() -> None:
    assert detail_view(snapshot_of(an_app()), "tenant-payments", "other") is None


def test_works_are_asked_for_by_a_label_that_may_be_cut() -> None:
    _, works = detail_queries("tenant-payments", "a" * 62 + ".b")
    assert works.label_selector == "controlplane.dev/application=" + "a" * 62
    assert works.optional


PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def test_what_is_pinned_says_who_why_and_until_when_and_how_to_go_on() -> None:
    pin = {"revision": "main@sha1:" + "ab" * 20, "by": "ann", "reason": "an incident", "until": FUTURE}
    told = text(seen(an_app(spec={"pin": pin})))
    assert f"pinned | to main@abababa by ann: an incident, until {FUTURE}" in told
    assert "cpctl app unpin tenant-payments/web" in told


def test_what_has_ended_by_itself_is_not_told() -> None:
    spec = {"pin": {"revision": "abcd", "until": PAST}, "suspend": {"by": "ann", "until": PAST}}
    told = text(seen(an_app(spec=spec)))
    assert "pinned" not in told and "suspended" not in told


def test_who_asked_last() -> None:
    assert "last asked by | ann" in text(seen(an_app(request={"sync": "now", "by": "ann"})))
