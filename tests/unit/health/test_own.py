"""A team's own rules: what they say, what is refused before anything goes out, and what is stopped."""

from typing import Any

import pytest

from controlplane.api.health import HealthRule
from controlplane.health.assess import assess, needs_status
from controlplane.health.own import DEAR_S, TEXT_MAX, OwnRules, problems_of
from controlplane.health.status import Health, HealthStatus, degraded, healthy, progressing, unknown

RULE = HealthRule(
    group="example.com", kind="Widget", healthy='status.state == "up"', progressing='status.state == "moving"',
    degraded='status.state == "down"', message="status.why",
)  # fmt: skip


def widget(state: Any = None, **more: Any) -> dict[str, Any]:
    status = more | ({} if state is None else {"state": state})
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"generation": 2}, "status": status}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(widget("up", why="all there"), healthy("all there"), id="healthy"),
        pytest.param(widget("moving", why="3 of 5"), progressing("3 of 5"), id="progressing"),
        pytest.param(widget("down", why="no disk"), degraded("no disk"), id="degraded"),
        pytest.param(widget("odd", why="?"), progressing("?"), id="none of them"),
        pytest.param(
            widget(why="x"),
            unknown('own rule, degraded: Key not found in map : "state"'),
            id="what it reads is not there",
        ),
        pytest.param(
            widget("up", why="x", observedGeneration=1),
            progressing("generation 2 is not observed yet, the status is of 1"),
            id="of the generation before",
        ),
        pytest.param(
            {**widget("up"), "metadata": {"deletionTimestamp": "x"}}, progressing("terminating"), id="being deleted"
        ),
        pytest.param(
            widget("up", many=list(range(1000)), why="x"),
            unknown("own rule: the object is too large to be judged by an expression"),
            id="too large",
        ),
    ],
)
def test_what_it_says(body: dict[str, Any], expected: Health) -> None:
    assert assess(body, own=OwnRules((RULE,))) == expected


def test_a_message_that_fails_takes_no_verdict_away() -> None:
    told = assess(widget("up"), own=OwnRules((RULE,)))
    assert told.status is HealthStatus.HEALTHY
    assert told.message.startswith("(no message: ")


def test_without_healthy_the_next_rule_is_asked_where_it_says_nothing() -> None:
    rule = HealthRule(group="example.com", kind="Widget", degraded='status.?state.orValue("") == "down"')
    ready = {"conditions": [{"type": "Ready", "status": "False", "message": "not yet"}]}
    assert assess(widget("down", **ready), own=OwnRules((rule,))).status is HealthStatus.DEGRADED
    assert assess(widget("odd", **ready), own=OwnRules((rule,))) == progressing("not yet")


def test_it_goes_before_the_rules_that_we_bring() -> None:
    rule = HealthRule(group="cert-manager.io", kind="Certificate", healthy="true")
    body = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"}
    assert assess(body).status is HealthStatus.PROGRESSING
    assert assess(body, own=OwnRules((rule,))).status is HealthStatus.HEALTHY


def test_one_that_takes_too_long_is_evaluated_once() -> None:
    times = iter([0.0, DEAR_S * 2])  # a third reading would end the test
    own = OwnRules((RULE,), clock=lambda: next(times))
    assert assess(widget("up", why="x"), own=own) == healthy("x")
    stopped = unknown("own rule: it takes too long, and is not evaluated any more")
    assert assess(widget("up", why="x"), own=own) == stopped


def test_one_that_a_hub_should_have_refused_says_so() -> None:
    own = OwnRules((HealthRule(group="example.com", kind="Widget", healthy="status ="),))
    told = assess(widget("up"), own=own)
    assert told.status is HealthStatus.UNKNOWN
    assert told.message.startswith("own rule: healthy: ")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([RULE], []),
        ([RULE, RULE], ["spec.health[1] (example.com/Widget): there is another rule"]),
        ([HealthRule(kind="Secret", healthy="true")], ["spec.health[0] (core/Secret): the kind has no status"]),
        ([HealthRule(kind="Pod", healthy="status =")], ["spec.health[0] (core/Pod).healthy: Syntax error"]),
        ([HealthRule(kind="Pod", degraded="x == 1")], ["spec.health[0] (core/Pod).degraded: undeclared reference"]),
        (
            [HealthRule(kind="Pod", degraded="true", message="status.a + 'x'")],
            ["spec.health[0] (core/Pod).message: `+`"],
        ),
    ],
)
def test_what_is_wrong_is_named(rules: list[HealthRule], told: list[str]) -> None:
    found = problems_of(rules, has_status=needs_status)
    assert len(found) == len(told)
    assert all(each.startswith(begin) for each, begin in zip(found, told, strict=True))


def test_all_of_them_together_stay_small() -> None:
    text = "status.a == '" + "x" * 490 + "'"
    rules = [HealthRule(kind=f"K{n}", healthy=text) for n in range(5)]
    assert [each for each in problems_of(rules, has_status=needs_status) if str(TEXT_MAX) in each]
    assert problems_of(rules[:4], has_status=needs_status) == []
