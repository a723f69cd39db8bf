"""What the demo takes for true, and what it does not: the predicates that decide whether a step held."""

import json
from typing import Any

import pytest

from hack.sight import (
    Body,
    Healing,
    NotSeen,
    Refused,
    Undoing,
    all_made,
    all_ready,
    all_run,
    all_there,
    data,
    delivered,
    gone,
    ready,
    refused,
    told,
    undoing,
    undone,
)  # fmt: skip

SHA = "4f1c2ab" * 5 + "4f1c2"


def application(ready: str = "True", revision: str = SHA, attempted: str = SHA, **more: Any) -> Body:
    reason = more.pop("reason", "Ready")
    status = {
        "conditions": [{"type": "Ready", "status": ready, "reason": reason, "message": "m", "observedGeneration": 2}],
        "revision": f"main@sha1:{revision}",
        "attemptedRevision": f"main@sha1:{attempted}",
        **more,
    }
    return {
        "kind": "Application",
        "metadata": {"name": "a", "namespace": "n", "generation": 2},
        "spec": {"source": {}},
        "status": status,
    }


def deployment(replicas: int = 2, available: int = 2, updated: int = 2, observed: int = 1) -> Body:
    status = {"availableReplicas": available, "updatedReplicas": updated, "observedGeneration": observed}
    metadata = {"name": "d", "namespace": "n", "generation": 1}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}, "status": status}


def test_ready_counts_for_the_newest_spec_only() -> None:
    body = application()
    assert ready(body)
    body["metadata"]["generation"] = 3
    assert not ready(body)
    assert not ready(application("False"))
    assert not ready({"metadata": {}})


def test_all_that_are_named_have_to_be_there_and_ready() -> None:
    found = {"n/a": application(), "n/b": application("Unknown")}
    assert all_there("n/a", "n/b")(found)
    assert not all_there("n/c")(found)
    assert all_ready("n/a")(found)
    assert not all_ready("n/a", "n/b")(found)
    assert not all_ready("n/c")(found)
    assert gone("n/c")(found)
    assert not gone("n/a")(found)


def test_a_child_is_its_roots_only_if_it_says_so() -> None:
    child: Body = {"metadata": {"labels": {"controlplane.dev/parent": "root"}}}
    assert all_made({"n/root": ["n/a", "n/b"]})({"n/a": child, "n/b": child})
    assert not all_made({"n/root": ["n/a", "n/b"]})({"n/a": child})
    assert not all_made({"n/other": ["n/a"]})({"n/a": child})
    assert not all_made({"n/root": ["n/a"]})({"n/a": {"metadata": {}}})


def test_pods_are_counted_once_all_of_them_run() -> None:
    assert all_run("n/d", "n/e")({"n/d": deployment(), "n/e": deployment(3, 3, 3)}) == 5
    assert all_run("n/d", "n/e")({"n/d": deployment()}) is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(deployment(available=1), id="one is not available"),
        pytest.param(deployment(updated=1), id="one is of the old template"),
        pytest.param(deployment(observed=0), id="its controller has not looked yet"),
        pytest.param(deployment(replicas=3), id="one is not made yet"),
        pytest.param({**deployment(), "status": {}}, id="nothing is told"),
    ],
)
def test_a_deployment_that_is_not_whole_does_not_run(body: Body) -> None:
    assert all_run("n/d")({"n/d": body}) is None


def test_data_holds_what_is_wanted_among_the_rest() -> None:
    found = {"n/c": {"data": {"A": "1", "B": "2"}}}
    assert data("n/c", A="1")(found) == {"A": "1", "B": "2"}
    assert data("n/c", A="2")(found) is None
    assert data("n/d", A="1")(found) is None


def test_delivered_is_ready_and_of_this_commit() -> None:
    status = application()["status"]
    assert delivered("n/a", SHA)({"n/a": application()}) == status
    assert delivered("n/a", "")({"n/a": application()}) == status
    assert delivered("n/a", "9" * 40)({"n/a": application()}) is None
    assert delivered("n/a", SHA)({"n/a": application("False")}) is None
    assert delivered("n/a", SHA)({}) is None


PROBLEM = {
    "object": "ConfigMap p/i",
    "file": "i.yaml",
    "line": 1,
    "rule": "r",
    "reason": "NamespaceDenied",
    "message": "no",
}


def denied(**more: Any) -> Body:
    return application("False", **{"reason": "Denied", "revision": "0" * 40, "problems": [PROBLEM], **more})


def test_a_refusal_is_told_with_its_rule() -> None:
    told_of = Refused("ConfigMap p/i", "i.yaml", 1, "r", "NamespaceDenied", "no")
    assert refused("n/a", SHA)({"n/a": denied()}) == told_of


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(denied(attempted="1" * 40), id="of another commit"),
        pytest.param(denied(revision=SHA), id="the commit was delivered"),
        pytest.param(denied(reason="RenderFailed"), id="no refusal"),
        pytest.param(denied(problems=[{**PROBLEM, "rule": ""}]), id="no rule"),
        pytest.param(denied(problems=[]), id="no problem"),
    ],
)
def test_what_is_no_refusal_of_this_commit(body: Body) -> None:
    assert refused("n/a", SHA)({"n/a": body}) is None
    assert refused("n/a", SHA)({}) is None


def test_healed_is_what_was_changed_and_came_back() -> None:
    healing = Healing("n/d", 2)
    assert not healing({"n/d": deployment(2)})
    assert not healing({"n/d": deployment(5)})
    assert not healing({})
    assert healing({"n/d": deployment(2)})
    assert healing({"n/d": deployment(2)})
    assert not healing({"n/d": deployment(5)})


def line(subresource: str = "", at: str = "00.0", impersonated: str = "", name: str = "shop") -> bytes:
    what = {"resource": "deployments", "namespace": "s", "name": name} | (
        {"subresource": subresource} if subresource else {}
    )
    entry = {
        "verb": "patch",
        "objectRef": what,
        "user": {"username": "agent" if impersonated else "admin"},
        "stageTimestamp": f"2026-01-02T03:04:{at}00000Z",
    } | ({"impersonatedUser": {"username": impersonated}} if impersonated else {})
    return json.dumps(entry).encode()


def test_an_audit_log_tells_who_undid_what_and_how_soon() -> None:
    log = [line(at="00.1", impersonated="t"), line("scale", "01.0"), line(at="01.1", impersonated="t", name="cart"),
           line("status", "01.1"), line(at="01.2", impersonated="t"), line(at="01.5", impersonated="t")]  # fmt: skip
    found = undoing(log, "deployments", "s", "shop")
    assert found is not None
    assert (round(found.took_s, 3), found.writer, found.acted_as) == (0.2, "agent", "t")
    assert undoing(log[:4], "deployments", "s", "shop") is None
    assert isinstance(found, Undoing)


def test_an_agents_report_counts_when_it_tells_of_more_than_before() -> None:
    drift = {"healed": 3, "object": "Deployment.apps s/shop", "manager": "kubectl"}
    work = {"metadata": {}, "spec": {"application": {"namespace": "n", "name": "shop"}}, "status": {"drift": drift}}
    other = {**work, "spec": {"application": {"namespace": "n", "name": "cart"}}}
    assert undone("n/shop", 2)({"a": work}) == drift
    assert undone("n/shop", 3)({"a": work}) is None
    assert undone("n/shop", 2)({"a": other, "b": {**work, "status": {}}}) is None


def test_a_failure_shows_conditions_and_problems_and_little_of_the_rest() -> None:
    shown = [*told({"n/a": denied()})]
    assert shown[0] == "Application n/a: Ready=False Denied: m"
    assert json.loads(shown[1]) == PROBLEM
    long = {"kind": "ConfigMap", "data": {"A": "x" * 5000}}
    assert [len(text) < 700 for text in told({"n/c": long})] == [True]
    assert [*told({})] == ["nothing of that kind"]
    assert [*told({f"n/{i}": long for i in range(9)})][-1] == "and 5 more"


def test_what_was_not_seen_says_what_was_there_instead() -> None:
    assert str(NotSeen("a cat", ["a dog", "a hen"])) == "expected a cat; found: a dog; a hen"
