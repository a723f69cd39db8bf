"""`cpctl waiting`: a line for each state that a person ends, and none for what ends by itself."""

from typing import Any

import pytest

from controlplane.cli.awaited import awaited, awaited_queries, awaited_view
from controlplane.kube.request import Body
from tests.unit.cli.bodies import an_app, cluster_of, snapshot_of, tenant_of


def said(kind: str, status: str, reason: str, message: str = "", since: str = "") -> Body:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def an_app_that(*conditions: Body, name: str = "web") -> Body:
    return an_app(name, ready=None, conditions=list(conditions))


def a_repository(*conditions: Body, **spec: Any) -> Body:
    return {
        "kind": "Repository",
        "metadata": {"name": "team", "namespace": "tenant-payments", "uid": "team"},
        "spec": {"url": "https://git.example.com/payments/deploy.git", **spec},
        "status": {"conditions": list(conditions)},
    }


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        pytest.param(an_app(), [], id="all is well"),
        pytest.param(an_app_that(said("Ready", "False", "Progressing")), [], id="on its way"),
        pytest.param(an_app_that(said("Ready", "False", "Degraded")), [], id="unwell, and waits for nothing"),
        pytest.param(an_app_that(said("Ready", "False", "SyncWindow")), [], id="a matter of time"),
        pytest.param(
            an_app_that(said("Ready", "False", "HeldByGuard"), said("Stalled", "True", "HeldByGuard")),
            ["HeldByGuard"], id="stuck",
        ),
        pytest.param(an_app_that(said("Ready", "False", "ManualSync")), ["ManualSync"], id="a commit waits for a word"),
        pytest.param(an_app_that(said("Ready", "False", "Suspended")), ["Suspended"], id="suspended"),
        pytest.param(an_app_that(said("Ready", "False", "OwnedByAnother")), ["OwnedByAnother"], id="another's object"),
        pytest.param(
            an_app_that(said("Ready", "True", "Ready"), said("Pinned", "True", "Pinned")), ["Pinned"], id="pinned, and well",
        ),
        pytest.param(
            an_app_that(said("Pinned", "True", "Pinned"), said("Stalled", "True", "HookFailed")),
            ["HookFailed", "Pinned"], id="pinned, and stuck: two things to do",
        ),
        pytest.param(a_repository(said("Ready", "True", "Fetched")), [], id="a Repository that is read"),
        pytest.param(a_repository(said("Ready", "False", "Unreachable")), [], id="a server that may come back"),
        pytest.param(a_repository(said("Stalled", "True", "UrlDenied")), ["UrlDenied"], id="an address that is not read"),
        pytest.param(a_repository(suspend=True), ["Suspended"], id="a Repository that is suspended"),
        pytest.param(a_repository(said("Policies", "False", "Refused")), ["Refused"], id="policies that do not load"),
        pytest.param(cluster_of("east"), [], id="a Cluster that is there"),
        pytest.param(cluster_of("east", ready=False, reason="AgentOffline"), ["AgentOffline"], id="a silent agent"),
        pytest.param(tenant_of("payments"), [], id="a Tenant"),
    ],
)  # fmt: skip
def test_which_states_wait_for_a_person(body: Body, reasons: list[str]) -> None:
    assert sorted(each.reason for each in awaited(snapshot_of(body))) == reasons


def test_a_line_says_what_since_when_why_and_what_to_do_and_the_longest_wait_comes_first() -> None:
    held = said("Stalled", "True", "HeldByGuard", "2 objects stay;\n `cpctl app approve …`", "2026-01-02T00:00:00Z")
    by_hand = said("Ready", "False", "ManualSync", "waits for `cpctl app sync …`", "2026-01-01T00:00:00Z")
    silent = cluster_of("east", ready=False, reason="AgentOffline", message="no heartbeat")
    view = awaited_view(snapshot_of(an_app_that(held), an_app_that(by_hand, name="ledger"), silent))
    (table,) = view.tables
    assert [[row[0].text, row[2].text, row[3].text] for row in table.rows] == [
        ["payments/ledger", "ManualSync", "waits for `cpctl app sync …`"],
        ["payments/web", "HeldByGuard", "2 objects stay; `cpctl app approve …`"],
        ["cluster east", "AgentOffline", "no heartbeat"],
    ]
    assert table.rows[0][1].text.endswith("d")
    assert view.document[0] == {
        "kind": "Application", "namespace": "tenant-payments", "name": "ledger", "since": "2026-01-01T00:00:00Z",
        "reason": "ManualSync", "message": "waits for `cpctl app sync …`",
    }  # fmt: skip


def test_nothing_is_a_line_too_and_what_was_not_seen_is_named() -> None:
    view = awaited_view(snapshot_of(hidden=("clusters",)))
    assert (view.tables[0].rows, view.tables[0].empty) == ((), "nothing waits for a person")
    assert view.notes == ("not looked at, since you may not list them: clusters",)


def test_of_one_team_only_what_is_the_teams_is_read() -> None:
    assert [query.resource.kind for query in awaited_queries("tenant-a")] == ["Application", "Repository"]
    assert [query.resource.kind for query in awaited_queries()] == ["Application", "Repository", "Tenant", "Cluster"]
