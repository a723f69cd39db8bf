"""Dispatch: what each cluster is to have, as Works. The last step on the hub; the agents take it from here.

`plan` is a pure function over Works as they are and as they should be; `Dispatcher` carries it out. Nothing is written
where nothing changed: a commit that leaves an Application's artifact as it is moves no Work.
"""

import hashlib
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.api.application import Application, Request
from controlplane.api.duration import parse_duration
from controlplane.api.keys import GROUP, VERSION, ClusterName, Digest, NamespacedName, TenantName
from controlplane.api.labels import ANNOTATION_CLUSTER_LABELS, FINALIZER, LABEL_APPLICATION, LABEL_TENANT
from controlplane.api.names import (
    cluster_namespace,
    cluster_of_namespace,
    ground_key,
    identity,
    owner_hash,
    work_name,
)
from controlplane.api.work import MOVES_PROTOCOL, ApplicationRef, Artifact, Ground, Identity, Options, Work, WorkSpec
from controlplane.hub.finalizers import drop_finalizer
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.resource import WORKS
from controlplane.policy.gate import GroundPermit, MovePermit, Permit, RemovalPermit

__all__ = ["HUB_MANAGER", "Dispatcher", "Payload", "WorkPlan", "application_spec", "ground_spec", "labels_hash", "plan"]

HUB_MANAGER = "controlplane-hub"


@dataclass(frozen=True, slots=True)
class Payload:
    """One cluster's artifact of an Application."""

    digest: Digest
    size: int  # compressed bytes
    objects: int


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """What to do to the Works of one Application, or one tenant's ground."""

    write: Mapping[ClusterName, WorkSpec]  # create or change to this; delivery is set when it is written
    remove: tuple[Work, ...]  # ask the agent to prune
    release: tuple[Work, ...]  # pruned, or on a cluster that was given up: let it go

    @property
    def empty(self) -> bool:
        return not (self.write or self.remove or self.release)


def application_spec(
    application: Application, tenant: TenantName, payload: Payload, revision: str, hub: str,
    provides: tuple[str, ...] = (),
) -> WorkSpec:  # fmt: skip
    """The Work's spec that delivers a payload for an Application. provides: what the cluster says that it has."""
    key = NamespacedName(application.metadata.namespace, application.metadata.name)
    account = identity(tenant)
    sync, placement = application.spec.sync, application.spec.placement
    return WorkSpec(
        hub=hub,
        delivery=0,
        type="Application",
        tenant=tenant,
        application=ApplicationRef(namespace=key.namespace, name=key.name),
        owner=owner_hash(key),
        identity=Identity(namespace=account.namespace, name=account.name),
        artifact=Artifact(digest=payload.digest, size=payload.size, objects=payload.objects),
        revision=revision,
        options=Options(
            prune=sync.prune,
            self_heal=sync.self_heal,
            replace=sync.replace,
            adopt=sync.adopt,
            health_timeout_s=math.ceil(parse_duration(sync.health_timeout)),
            create_namespace=placement.namespace if placement and placement.create_namespace else None,
            provides=provides,
            ignore=sync.ignore,
        ),
        health=application.spec.health,
        sync=application.spec.request.sync,
        sync_objects=application.spec.request.objects,
        moved_from=_reference(application.spec.moved_from),
    )


def _reference(text: str | None) -> ApplicationRef | None:
    namespace, _, name = (text or "").partition("/")
    return ApplicationRef(namespace=namespace, name=name) if name else None


def labels_hash(labels: Mapping[str, str]) -> str:
    """A cluster's labels as short text, to be remembered with a Work (see controlplane.hub.grants)."""
    return hashlib.sha256("\n".join(f"{name}={labels[name]}" for name in sorted(labels)).encode()).hexdigest()[:16]


def ground_spec(tenant: TenantName, key: NamespacedName, ground: Ground, hub: str) -> WorkSpec:
    """The Work's spec that lays a tenant's ground."""
    account = identity(tenant)
    return WorkSpec(
        hub=hub,
        delivery=0,
        type="Ground",
        tenant=tenant,
        application=ApplicationRef(namespace=key.namespace, name=key.name),
        owner=owner_hash(key),
        identity=Identity(namespace=account.namespace, name=account.name),
        ground=ground,
    )


def _owner(spec: WorkSpec) -> NamespacedName:
    return NamespacedName(spec.application.namespace, spec.application.name)


def _alike(one: WorkSpec, other: WorkSpec) -> bool:
    """Whether two specs ask for the same: revision and trace only tell where it came from, the delivery only when."""
    blank = {"delivery": 0, "revision": "", "trace": ""}
    return one.model_copy(update=blank) == other.model_copy(update=blank)


def plan(wanted: Mapping[ClusterName, WorkSpec], works: Iterable[Work], joined: frozenset[ClusterName]) -> WorkPlan:
    """Compare Works as they should be with those that are there.

    joined: the clusters that exist (leaving ones included); a Work elsewhere is let go, since nobody is there to prune.
    A Work that somebody deleted by hand, or whose agent saw a higher delivery than it carries, is written again.
    """
    write = dict(wanted)
    remove, release = [], []
    for work in works:
        cluster = cluster_of_namespace(work.metadata.namespace)
        if cluster is None:
            continue
        want = wanted.get(cluster)
        if work.metadata.deletion_timestamp is not None:
            release.append(work)  # its finalizer goes; if it is wanted, the next look writes it anew
            write.pop(cluster, None)
        elif want is not None:
            if _alike(want, work.spec) and not (
                work.status.hub == want.hub and work.status.delivery > work.spec.delivery
            ):
                write.pop(cluster)
        elif cluster not in joined or _removed(work):
            release.append(work)
        elif work.spec.state != "Removed" or work.spec.suspended:
            remove.append(work)
    return WorkPlan(write, tuple(remove), tuple(release))


def _removed(work: Work) -> bool:
    return work.spec.state == "Removed" and any(
        condition.type == "Removed" and condition.status == "True" and work.status.delivery == work.spec.delivery
        for condition in work.status.conditions
    )


class Dispatcher:
    """Writes Works. Every write needs a permit that covers it."""

    def __init__(self, client: Client, world: World) -> None:
        self._client = client
        self._world = world

    async def deliver(self, cluster: ClusterName, spec: WorkSpec, permit: Permit | GroundPermit) -> None:
        """Create or change one Work. Raises PermissionError where the permit does not cover it: a bug, never a policy."""
        owner = _owner(spec)
        if isinstance(permit, Permit):
            digest = Digest(spec.artifact.digest) if spec.artifact is not None else Digest("")
            covered = permit.application == owner and permit.covers(cluster, digest)
        else:
            covered = spec.type == "Ground" and ground_key(permit.tenant) == owner and permit.covers(cluster)
        if not covered:
            raise PermissionError(f"no permit for {spec.application.namespace}/{spec.application.name} on {cluster}")
        found = self._world.cluster(cluster)
        await self._write(cluster, spec, chosen=labels_hash(found.metadata.labels) if found is not None else "")

    async def suspend(self, work: Work, suspended: bool) -> None:
        """Hold a Work as it is, or let it go on; what it delivers stays what was permitted."""
        cluster = cluster_of_namespace(work.metadata.namespace)
        if cluster is not None and work.spec.suspended != suspended:
            await self._write(cluster, work.spec.model_copy(update={"suspended": suspended, "trace": ""}))

    async def ask(self, work: Work, request: Request) -> None:
        """Pass on that some objects are to be applied again; what the Work delivers stays what was permitted."""
        cluster = cluster_of_namespace(work.metadata.namespace)
        asked = work.spec.model_copy(update={"sync": request.sync, "sync_objects": request.objects})
        if cluster is not None and work.spec.state == "Present" and asked != work.spec:
            await self._write(cluster, asked)

    async def hand_over(self, work: Work, to: ApplicationRef, permit: MovePermit) -> None:
        """Let a Work say who takes over what it delivered: its agent then neither heals nor prunes it."""
        cluster = cluster_of_namespace(work.metadata.namespace)
        if cluster is None or not permit.covers(work.spec.owner, NamespacedName(to.namespace, to.name)):
            raise PermissionError(f"no permit to hand over {work.metadata.namespace}/{work.metadata.name}")
        await self._write(
            cluster, work.spec.model_copy(update={"moved_to": to, "protocol": MOVES_PROTOCOL, "trace": ""})
        )

    async def remove(self, work: Work, permit: RemovalPermit, *, orphan: bool = False, forsaken: bool = False) -> None:
        """Ask the agent to prune what the Work delivered; orphan: to let go of it, and to leave it as it is.

        forsaken: nobody takes over what it says is handed over.
        """
        cluster = cluster_of_namespace(work.metadata.namespace)
        if cluster is None or not permit.covers(work.spec.owner):
            raise PermissionError(f"no permit to remove {work.metadata.namespace}/{work.metadata.name}")
        changes: dict[str, object] = {"state": "Removed", "suspended": False, "trace": ""}
        if forsaken:
            changes |= {"moved_to": None, "protocol": 1}
        if orphan:  # an agent that knows no orphan at least prunes nothing
            changes["options"] = work.spec.options.model_copy(update={"orphan": True, "prune": False})
        await self._write(cluster, work.spec.model_copy(update=changes))

    async def release(self, work: Work) -> None:
        """Let a Work go: take our finalizer away and delete it."""
        namespace, name = work.metadata.namespace, work.metadata.name
        try:
            if work.metadata.deletion_timestamp is None:
                body = await self._client.delete(WORKS, name, namespace, uid=work.metadata.uid)
                work = self._world.works.put(body) if body.get("kind") == WORKS.kind else work
            gone = await drop_finalizer(self._client, WORKS, work)
        except NotFound:
            gone = True  # somebody else did it
        if gone:  # known now, and not when the watch tells it: meanwhile each look would release it once more
            self._world.works.ended(NamespacedName(namespace, name), work.metadata.uid)

    async def _write(self, cluster: ClusterName, spec: WorkSpec, *, chosen: str | None = None) -> None:
        """chosen: hash of the labels by which the cluster is chosen; None = as when it was last delivered."""
        namespace, name = cluster_namespace(cluster), work_name(_owner(spec))
        before = self._world.works.get(NamespacedName(namespace, name))
        last = max(before.spec.delivery, before.status.delivery) if before else 0
        spec = spec.model_copy(update={"delivery": max(last + 1, time.time_ns() // 1_000_000)})
        labels = {LABEL_TENANT: spec.tenant}
        if spec.type == "Application" and len(spec.application.name) <= 63:  # a label's longest value
            labels[LABEL_APPLICATION] = spec.application.name
        if chosen is None and before is not None:
            chosen = before.metadata.annotations.get(ANNOTATION_CLUSTER_LABELS)
        annotations = {ANNOTATION_CLUSTER_LABELS: chosen} if chosen else {}
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Work",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": labels,
                "annotations": annotations,
                "finalizers": [FINALIZER],
            },  # fmt: skip
            "spec": spec.wire(),
        }
        answer = await self._client.apply(WORKS, body, field_manager=HUB_MANAGER, force=True)
        self._world.works.put(answer, told=False)  # its owner's reconcile is what is under way
