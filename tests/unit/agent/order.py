"""Objects with waves and hooks, and what controllers say of them, for tests of the order of a delivery."""

from typing import Any

from controlplane.api.keys import ObjectKey
from controlplane.api.labels import ANNOTATION_HOOK, ANNOTATION_HOOK_DELETE, ANNOTATION_WAVE
from tests.unit.agent.world import Body, World, config, deployment

__all__ = ["at", "complete", "fail", "hook", "owner_of", "rolled_out"]


def at(wave: int, body: Body) -> Body:
    """An object in a wave."""
    meta = body["metadata"]
    return {**body, "metadata": {**meta, "annotations": {**meta.get("annotations", {}), ANNOTATION_WAVE: str(wave)}}}


def hook(name: str, moment: str, *, deletes: str = "", kind: str = "Job", **spec: Any) -> Body:
    """A hook; a Job unless kind says otherwise."""
    annotations = {ANNOTATION_HOOK: moment} | ({ANNOTATION_HOOK_DELETE: deletes} if deletes else {})
    if kind == "ConfigMap":
        body = config(name)
    elif kind == "Deployment":
        body = deployment(name)
    else:
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"image": "one"} | spec,
        }
    body["metadata"]["annotations"] = annotations
    return body


def rolled_out(world: World, name: str) -> None:
    """A Deployment's controller says that it is there."""
    key = world.key("Deployment", name)
    world.member.status(
        key,
        {
            "observedGeneration": world.member.objects[key]["metadata"]["generation"],
            "replicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": 1,
            "availableReplicas": 1,
            "conditions": [{"type": "Available", "status": "True"}],
        },
    )


def complete(world: World, name: str) -> None:
    """A Job has ended well."""
    _ended(world, name, "Complete", "")


def fail(world: World, name: str) -> None:
    """A Job has failed."""
    _ended(world, name, "Failed", "BackoffLimitExceeded")


def owner_of(world: World, name: str = "web") -> str:
    """The owner of the Work of that name."""
    return str(world.work(name)["spec"]["owner"])


def _ended(world: World, name: str, condition: str, reason: str) -> None:
    key: ObjectKey = world.key("Job", name)
    conditions = [{"type": condition, "status": "True", "reason": reason, "message": reason}]
    world.member.status(key, {"startTime": "2026-11-23T10:00:00Z", "conditions": conditions})
