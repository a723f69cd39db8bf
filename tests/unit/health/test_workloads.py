"""Workloads, each from its first second to its last replica. assess is asked, so that the standard rules stand before."""

from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, progressing

ARRIVED = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
AVAILABLE = {"type": "Available", "status": "True"}


def workload(kind: str, spec: dict[str, Any], status: dict[str, Any], api: str = "apps/v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "w", "generation": 1}, "spec": spec, "status": status}


def deployment(
    created: int = 3,
    updated: int = 3,
    ready: int = 3,
    available: int = 3,
    conditions: Any = (ARRIVED, AVAILABLE),
    **spec: Any,
) -> dict[str, Any]:
    status = {
        "observedGeneration": 1,
        "replicas": created,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": available,
        "conditions": list(conditions),
    }
    return workload("Deployment", {"replicas": 3, "progressDeadlineSeconds": 600, **spec}, status)


QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(deployment(), HEALTHY, id="all there"),
        pytest.param(
            workload("Deployment", {}, {}), progressing("the controller has not observed it yet"), id="just created"
        ),
        pytest.param(
            workload("Deployment", {"replicas": 0}, {}),
            progressing("the controller has not observed it yet"),
            id="created with none",
        ),
        pytest.param(deployment(created=1), progressing("1 of 3 replicas created"), id="too few"),
        pytest.param(
            deployment(created=1, conditions=[QUOTA]),
            progressing("1 of 3 replicas created; FailedCreate: exceeded quota"),
            id="a quota in the way is named",
        ),
        pytest.param(deployment(updated=2), progressing("2 of 3 replicas updated"), id="old ones"),
        pytest.param(deployment(created=5), progressing("2 old replicas are to end"), id="too many"),
        pytest.param(deployment(available=1), progressing("1 of 3 replicas available"), id="not available"),
        pytest.param(deployment(ready=2), progressing("2 of 3 replicas ready"), id="not ready"),
        pytest.param(
            deployment(conditions=[AVAILABLE]), progressing("the new ReplicaSet is not available yet"), id="not arrived"
        ),
        pytest.param(deployment(conditions=[AVAILABLE], progressDeadlineSeconds=None), HEALTHY, id="no deadline"),
        pytest.param(
            deployment(conditions=[AVAILABLE], progressDeadlineSeconds=2147483647), HEALTHY, id="the endless deadline"
        ),
        pytest.param(
            deployment(conditions=[ARRIVED]), progressing("not available yet"), id="no word of being available"
        ),
        pytest.param(
            deployment(ready=0, conditions=[LATE, AVAILABLE]),
            degraded("ProgressDeadlineExceeded: has timed out"),
            id="too late",
        ),
        pytest.param(
            deployment(created=0, conditions=[LATE, QUOTA]),
            degraded("ProgressDeadlineExceeded: has timed out; FailedCreate: exceeded quota"),
            id="too late for a quota",
        ),
        pytest.param(deployment(0, 0, 0, 0, replicas=0), HEALTHY, id="none wanted"),
        pytest.param({**deployment(), "apiVersion": "apps/v1beta1"}, HEALTHY, id="any version"),
        pytest.param(
            {**deployment(conditions=[LATE]), "metadata": {"generation": 2}},
            progressing("generation 2 is not observed yet, the status is of 1"),
            id="a failure of the spec before",
        ),
    ],
)
def test_deployment(body: dict[str, Any], expected: Health) -> None:
    assert assess(body) == expected


def replica_set(
    labelled: int = 2, ready: int = 2, available: int = 2, created: int = 2, *conditions: Any
) -> dict[str, Any]:
    status = {
        "observedGeneration": 1,
        "replicas": created,
        "fullyLabeledReplicas": labelled,
        "readyReplicas": ready,
        "availableReplicas": available,
        "conditions": list(conditions),
    }
    return workload("ReplicaSet", {"replicas": 2}, status)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(replica_set(), HEALTHY, id="all there"),
        pytest.param(
            workload("ReplicaSet", {}, {}), progressing("the controller has not observed it yet"), id="just created"
        ),
        pytest.param(replica_set(labelled=1), progressing("1 of 2 replicas created"), id="too few"),
        pytest.param(replica_set(available=1), progressing("1 of 2 replicas available"), id="not available"),
        pytest.param(replica_set(ready=0), progressing("0 of 2 replicas ready"), id="not ready"),
        pytest.param(replica_set(created=3), progressing("1 old replicas are to end"), id="too many"),
        pytest.param(replica_set(2, 2, 2, 2, QUOTA), degraded("FailedCreate: exceeded quota"), id="cannot create"),
    ],
)
def test_replica_set(body: dict[str, Any], expected: Health) -> None:
    assert assess(body) == expected


def stateful_set(strategy: Any = None, **status: Any) -> dict[str, Any]:
    whole = {
        "observedGeneration": 1, "replicas": 4, "readyReplicas": 4, "currentReplicas": 4, "updatedReplicas": 4,
        "currentRevision": "a", "updateRevision": "a",
    }  # fmt: skip
    return workload("StatefulSet", {"replicas": 4, "updateStrategy": strategy}, {**whole, **status})


ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
CANARY = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}
ON_DELETE = {"type": "OnDelete"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(stateful_set(), HEALTHY, id="all there"),
        pytest.param(
            workload("StatefulSet", {}, {}), progressing("the controller has not observed it yet"), id="just created"
        ),
        pytest.param(stateful_set(replicas=1), progressing("1 of 4 replicas created"), id="too few"),
        pytest.param(stateful_set(readyReplicas=1), progressing("1 of 4 replicas ready"), id="not ready"),
        pytest.param(stateful_set(replicas=5), progressing("1 replicas are to end"), id="too many"),
        pytest.param(
            stateful_set(currentReplicas=2), progressing("2 of 4 replicas of the current revision"), id="old ones"
        ),
        pytest.param(
            stateful_set(updateRevision="b"),
            progressing("the update's revision is not the current one yet"),
            id="two revisions",
        ),
        pytest.param(stateful_set(ROLLING, updatedReplicas=2), progressing("2 of 4 replicas updated"), id="rolling"),
        pytest.param(stateful_set(ROLLING), HEALTHY, id="rolled"),
        pytest.param(
            stateful_set(CANARY, updatedReplicas=0), progressing("0 of 1 replicas updated"), id="a canary to come"
        ),
        pytest.param(stateful_set(CANARY, updatedReplicas=1, updateRevision="b"), HEALTHY, id="a canary stands"),
        pytest.param(stateful_set(ON_DELETE, currentReplicas=1, updateRevision="b"), HEALTHY, id="updated by deletion"),
        pytest.param(
            stateful_set(ON_DELETE, readyReplicas=0),
            progressing("0 of 4 replicas ready"),
            id="by deletion, but not ready",
        ),
    ],
)
def test_stateful_set(body: dict[str, Any], expected: Health) -> None:
    assert assess(body) == expected


def daemon_set(strategy: str = "RollingUpdate", **status: Any) -> dict[str, Any]:
    whole = {
        "observedGeneration": 1, "desiredNumberScheduled": 4, "currentNumberScheduled": 4, "updatedNumberScheduled": 4,
        "numberAvailable": 4, "numberReady": 4,
    }  # fmt: skip
    return workload("DaemonSet", {"updateStrategy": {"type": strategy}}, {**whole, **status})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(daemon_set(), HEALTHY, id="on all nodes"),
        pytest.param(
            workload("DaemonSet", {}, {}), progressing("the controller has not observed it yet"), id="just created"
        ),
        pytest.param(
            daemon_set(desiredNumberScheduled=None),
            progressing("the number of nodes is not known yet"),
            id="nodes unknown",
        ),
        pytest.param(daemon_set(desiredNumberScheduled=0), HEALTHY, id="no node wants it"),
        pytest.param(daemon_set(currentNumberScheduled=1), progressing("1 of 4 replicas scheduled"), id="too few"),
        pytest.param(daemon_set(updatedNumberScheduled=1), progressing("1 of 4 replicas updated"), id="old ones"),
        pytest.param(daemon_set("OnDelete", updatedNumberScheduled=1), HEALTHY, id="old ones, updated by deletion"),
        pytest.param(daemon_set(numberAvailable=1), progressing("1 of 4 replicas available"), id="not available"),
        pytest.param(daemon_set(numberReady=1), progressing("1 of 4 replicas ready"), id="not ready"),
    ],
)
def test_daemon_set(body: dict[str, Any], expected: Health) -> None:
    assert assess(body) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({"observedGeneration": 1, "replicas": 1, "availableReplicas": 1}, HEALTHY, id="all there"),
        pytest.param({}, progressing("the controller has not observed it yet"), id="just created"),
        pytest.param(
            {"observedGeneration": 1, "replicas": 1}, progressing("0 of 1 replicas available"), id="not available"
        ),
        pytest.param(
            {"observedGeneration": 1, "replicas": 2, "availableReplicas": 1},
            progressing("1 replicas are to end"),
            id="too many",
        ),
        pytest.param({"conditions": [QUOTA]}, progressing("FailedCreate: exceeded quota"), id="cannot create"),
    ],
)
def test_replication_controller(status: dict[str, Any], expected: Health) -> None:
    assert assess(workload("ReplicationController", {"replicas": 1}, status, "v1")) == expected


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "DaemonSet"])
def test_the_group_of_before_is_judged_alike(kind: str) -> None:
    assert assess(workload(kind, {"replicas": 1}, {}, "extensions/v1beta1")) == assess(
        workload(kind, {"replicas": 1}, {})
    )
    assert assess(workload(kind, {}, {}, "extensions/v1beta1")).status is HealthStatus.PROGRESSING


def test_a_deployment_that_is_paused_is_suspended() -> None:
    body = workload("Deployment", {"replicas": 2, "paused": True}, {"observedGeneration": 1, "replicas": 1})
    assert assess(body) == Health(HealthStatus.SUSPENDED, "spec.paused is true")
