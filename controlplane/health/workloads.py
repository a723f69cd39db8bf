"""Kinds that run Pods for as long as they exist: Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController.

Each rule counts replicas; the first count that is not met is the message. Where the rules of kstatus would call a
workload well that its own status does not yet speak of, these wait for status.observedGeneration, and a StatefulSet that
updates on deletion must have its replicas ready, too.
"""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live, count_in, map_in, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, progressing

__all__ = ["RULES"]

_NO_DEADLINE: Final = 2**31 - 1  # spec.progressDeadlineSeconds: "never", and no Progressing condition is kept


def _short(what: str, have: int, want: int) -> Health:
    return progressing(f"{have} of {want} replicas {what}")


def _unobserved(live: Live) -> Health | None:
    """Without generations nothing tells whether the counts are about the present spec."""
    if "observedGeneration" in live.status:
        return None
    return progressing("the controller has not observed it yet")


def _refused(live: Live) -> str:
    """Why Pods could not be made (quota, admission), which no count tells."""
    return f"; {live.conditions['ReplicaFailure']}" if live.is_true("ReplicaFailure") else ""


def _deployment(live: Live) -> Health:
    if live.spec.get("paused") is True:  # kstatus waits for it for ever; who pauses it knows that it is
        return Health(HealthStatus.SUSPENDED, "spec.paused is true")
    moving = live.conditions.get("Progressing")
    if moving is not None and moving.reason == "ProgressDeadlineExceeded":
        return degraded(f"{moving}{_refused(live)}")
    if unobserved := _unobserved(live):
        return unobserved
    want = count_in(live.spec, "replicas", 1)
    have = count_in(live.status, "replicas")
    updated = count_in(live.status, "updatedReplicas")
    ready = count_in(live.status, "readyReplicas")
    available = count_in(live.status, "availableReplicas")
    if want > have:
        return progressing(f"{have} of {want} replicas created{_refused(live)}")
    if want > updated:
        return progressing(f"{updated} of {want} replicas updated{_refused(live)}")
    if have > want:
        return progressing(f"{have - want} old replicas are to end")
    if updated > available:
        return _short("available", available, updated)
    if want > ready:
        return _short("ready", ready, want)
    deadline = count_in(live.spec, "progressDeadlineSeconds", _NO_DEADLINE)
    arrived = moving is not None and moving.status == "True" and moving.reason == "NewReplicaSetAvailable"
    if deadline != _NO_DEADLINE and not arrived:
        return progressing("the new ReplicaSet is not available yet")
    if not live.is_true("Available"):
        return progressing(str(live.conditions.get("Available", "")) or "not available yet")
    return HEALTHY


def _replica_set(live: Live) -> Health:
    if live.is_true("ReplicaFailure"):  # kstatus waits: quota and admission seldom give way by themselves
        return degraded(str(live.conditions["ReplicaFailure"]) or "Pods cannot be created")
    if unobserved := _unobserved(live):
        return unobserved
    want = count_in(live.spec, "replicas", 1)
    have = count_in(live.status, "replicas")
    labelled = count_in(live.status, "fullyLabeledReplicas")
    available = count_in(live.status, "availableReplicas")
    ready = count_in(live.status, "readyReplicas")
    if want > labelled:
        return _short("created", labelled, want)
    if want > available:
        return _short("available", available, want)
    if want > ready:
        return _short("ready", ready, want)
    if have > want:
        return progressing(f"{have - want} old replicas are to end")
    return HEALTHY


def _stateful_set(live: Live) -> Health:
    if unobserved := _unobserved(live):
        return unobserved
    want = count_in(live.spec, "replicas", 1)
    have = count_in(live.status, "replicas")
    ready = count_in(live.status, "readyReplicas")
    if want > have:
        return _short("created", have, want)
    if want > ready:
        return _short("ready", ready, want)
    if have > want:
        return progressing(f"{have - want} replicas are to end")
    strategy = map_in(live.spec, "updateStrategy")
    if text_in(strategy, "type") == "OnDelete":
        return HEALTHY  # which revision runs is up to whoever deletes the Pods
    partition = count_in(map_in(strategy, "rollingUpdate"), "partition")
    updated = count_in(live.status, "updatedReplicas")
    if partition or "partition" in map_in(strategy, "rollingUpdate"):
        if updated < want - partition:
            return _short("updated", updated, want - partition)
        return HEALTHY  # those below the partition keep the old revision on purpose
    current = count_in(live.status, "currentReplicas")
    if want > current:
        return _short("of the current revision", current, want)
    if live.status.get("currentRevision") != live.status.get("updateRevision"):
        return progressing("the update's revision is not the current one yet")
    return HEALTHY


def _daemon_set(live: Live) -> Health:
    if unobserved := _unobserved(live):
        return unobserved
    want = count_in(live.status, "desiredNumberScheduled", -1)
    if want < 0:
        return progressing("the number of nodes is not known yet")
    scheduled = count_in(live.status, "currentNumberScheduled")
    updated = count_in(live.status, "updatedNumberScheduled")
    available = count_in(live.status, "numberAvailable")
    ready = count_in(live.status, "numberReady")
    on_delete = text_in(map_in(live.spec, "updateStrategy"), "type") == "OnDelete"
    if want > scheduled:
        return _short("scheduled", scheduled, want)
    if want > updated and not on_delete:
        return _short("updated", updated, want)
    if want > available:
        return _short("available", available, want)
    if want > ready:
        return _short("ready", ready, want)
    return HEALTHY


def _replication_controller(live: Live) -> Health:
    if live.is_true("ReplicaFailure"):
        return progressing(str(live.conditions["ReplicaFailure"]) or "Pods cannot be created")
    if unobserved := _unobserved(live):
        return unobserved
    want = count_in(live.spec, "replicas", 1)
    have = count_in(live.status, "replicas")
    available = count_in(live.status, "availableReplicas")
    if want > available:
        return _short("available", available, want)
    if have > want:
        return progressing(f"{have - want} replicas are to end")
    return HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("extensions", "Deployment"): _deployment,  # the group that they were in before Kubernetes 1.16
    ("extensions", "ReplicaSet"): _replica_set,
    ("extensions", "DaemonSet"): _daemon_set,
    ("", "ReplicationController"): _replication_controller,
}
