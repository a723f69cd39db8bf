"""Rules as data: the first clause that holds, and what a rule has to say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.health.expression import ExpressionError
from controlplane.health.live import Live
from controlplane.health.ruling import RulingError, ruling_from
from controlplane.health.status import Health, HealthStatus, degraded, healthy, progressing
from controlplane.health.view import view_of

OTHERWISE = {"is": "Progressing", "message": "not yet"}
RULE: dict[str, Any] = {
    "kinds": ["A"],
    "clauses": [
        {"is": "Suspended", "when": "spec.paused == true", "say": "status.phase", "message": "paused"},
        {"is": "Degraded", "when": 'state["Ready"] == "False"', "of": "Ready", "message": "no word"},
        {"is": "Healthy", "when": 'state["Ready"] == "True"', "message": "ready"},
    ],
    "otherwise": OTHERWISE,
}


def judged(rule: dict[str, Any], **body: Any) -> Health:
    live = Live.of(body)
    return ruling_from(rule, {}).judge(live, view_of(body, live))


def ready(status: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": status, **more}]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, progressing("not yet"), id="a clause that cannot be evaluated does not hold"),
        pytest.param({"status": ready("True")}, healthy("ready"), id="a message of its own"),
        pytest.param({"status": ready("False", reason="R", message="m")}, degraded("R: m"), id="a condition's message"),
        pytest.param({"status": ready("False")}, degraded("no word"), id="where that says nothing, its own"),
        pytest.param(
            {"spec": {"paused": True}, "status": {"phase": "P"}},
            Health(HealthStatus.SUSPENDED, "P"),
            id="out of the object",
        ),
        pytest.param({"spec": {"paused": True}}, Health(HealthStatus.SUSPENDED, "paused"), id="which may not have it"),
        pytest.param(
            {"spec": {"paused": True}, "status": ready("True")},
            Health(HealthStatus.SUSPENDED, "paused"),
            id="the first",
        ),
    ],
)
def test_the_first_clause_that_holds(body: dict[str, Any], expected: Health) -> None:
    assert judged(RULE, **body) == expected


def test_a_rule_can_go_on_as_another() -> None:
    shared = {"ready": {"clauses": RULE["clauses"][1:], "otherwise": OTHERWISE}}
    rule = {"kinds": ["A"], "like": "ready", "clauses": [{"is": "Unknown", "when": "status.x == 1"}]}
    ruling = ruling_from(rule, shared)
    for body, expected in (
        ({"status": {"x": 1}}, "Unknown"),
        ({"status": ready("True")}, "Healthy"),
        ({}, "Progressing"),
    ):
        live = Live.of(body)
        assert ruling.judge(live, view_of(body, live)).status.value == expected


TRYING: dict[str, Any] = {
    "clauses": [{"is": "Degraded", "when": 'state["Ready"] == "Unknown"', "since": "Ready", "after_s": 30}],
    "otherwise": OTHERWISE,
}


@pytest.mark.parametrize(
    ("changed", "verdict", "recheck_s"),
    [
        pytest.param("2026-11-23T09:59:30Z", "Degraded", None, id="for as long as that"),
        pytest.param("2026-11-23T09:59:50Z", "Progressing", 20.0, id="not for so long, and looked at again"),
        pytest.param("2026-11-23T11:00:00Z", "Progressing", 30.0, id="a clock that is ahead"),
        pytest.param("yesterday", "Degraded", None, id="a time that cannot be read is no reason to wait"),
        pytest.param("2026-11-23T09:59:50", "Degraded", None, id="nor is one without a zone"),
    ],
)
def test_a_clause_may_ask_how_long_it_has_been_so(changed: str, verdict: str, recheck_s: float | None) -> None:
    body = {"status": ready("Unknown", lastTransitionTime=changed)}
    live = Live.of(body, datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC))
    health = ruling_from(TRYING, {}).judge(live, view_of(body, live))
    assert (health.status.value, health.recheck_s) == (verdict, recheck_s)


def test_without_a_clock_the_present_is_asked() -> None:
    now = datetime.now(UTC).isoformat()
    assert judged(TRYING, status=ready("Unknown", lastTransitionTime=now)).status is HealthStatus.PROGRESSING
    assert judged(TRYING, status=ready("Unknown", lastTransitionTime=5)).status is HealthStatus.DEGRADED
    assert judged(TRYING, status=ready("Unknown")).status is HealthStatus.DEGRADED


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"clauses": []}, "otherwise is missing"),
        ({"otherwise": {"is": "Fine"}}, "is must be one of"),
        ({"otherwise": {"message": "x"}}, "is must be one of"),
        ({"otherwise": OTHERWISE, "clause": []}, "unknown: clause"),
        ({"otherwise": {**OTHERWISE, "if": "true"}}, "unknown in a clause: if"),
        ({"otherwise": {**OTHERWISE, "since": "Ready"}}, "since and after_s go together"),
        ({"like": "nothing"}, "no such rule"),
    ],
)
def test_what_is_no_rule(rule: dict[str, Any], told: str) -> None:
    with pytest.raises(RulingError, match=told):
        ruling_from(rule, {})


def test_a_broken_expression_is_told() -> None:
    with pytest.raises(ExpressionError):
        ruling_from({"otherwise": OTHERWISE, "clauses": [{"is": "Healthy", "when": "status ="}]}, {})
