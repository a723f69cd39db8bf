"""A whole agent without network: the real parts over a member in memory, driven round by round."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from controlplane.agent.apply import Applier
from controlplane.agent.contest import Contests
from controlplane.agent.desired import Desired, DesiredStore
from controlplane.agent.fetch import Artifacts, FetchFailed
from controlplane.agent.freeing import Freer
from controlplane.agent.inventory import Inventory
from controlplane.agent.journey import Journeys
from controlplane.agent.lanes import Lanes
from controlplane.agent.live import Live
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.observe import Observations
from controlplane.agent.ports import Ports
from controlplane.agent.prune import Pruner
from controlplane.agent.reconcile import Again, Reconciler
from controlplane.agent.replicas import Autoscalers
from controlplane.agent.status import compose
from controlplane.agent.watches import Watches, Where
from controlplane.agent.works import Works
from controlplane.api.keys import Digest, NamespacedName, ObjectKey, TenantName, key_of
from controlplane.api.labels import LABEL_OWNER, LABEL_TENANT
from controlplane.api.manifest import Manifest
from controlplane.api.names import ground_key, identity, owner_hash, tenant_namespace, work_name
from controlplane.api.work import WorkStatus
from controlplane.artifact.codec import encode
from controlplane.kube.client import Client
from controlplane.kube.discovery import Discovery
from controlplane.kube.errors import KubeError
from controlplane.kube.resource import Resource
from controlplane.kube.watch import Event
from controlplane.telemetry.tracer import NO_TRACES, Tracer
from tests.unit.agent.fake_member import FakeDiscovery, FakeMember

HUB = "hub-1"
PAYMENTS = TenantName("payments")
Body = dict[str, Any]


def config(name: str, namespace: str = "shop", **data: str) -> Body:
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def deployment(name: str, namespace: str = "shop", **spec: Any) -> Body:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "image": "one"} | spec,
    }


def namespace(name: str, tenant: str = "payments") -> Body:
    labels = {LABEL_TENANT: tenant} if tenant else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels | {"name": name}}}


class FakeArtifacts:
    """Manifests by digest; `missing` are those that the hub does not give now. kept() is what the agent holds itself."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[Manifest, ...]] = {}
        self.own: set[str] = set()
        self.missing: set[str] = set()

    async def manifests(self, desired: Desired) -> tuple[Manifest, ...]:
        digest = desired.artifact
        if digest is None or (digest in self.missing and digest not in self.own):
            raise FetchFailed("the hub has no such artifact")
        self.own.add(digest)
        return self.known[digest]

    async def kept(self, digest: Digest) -> tuple[Manifest, ...] | None:
        return self.known[digest] if digest in self.own else None


class FakeStore:
    """A DesiredStore in memory that outlives the agent."""

    def __init__(self, artifacts: FakeArtifacts) -> None:
        self.kept: dict[str, Desired] = {}
        self.artifacts: Any = self
        self._own = artifacts.own

    async def load(self) -> dict[str, Desired]:
        return dict(self.kept)

    async def put(self, desired: Desired) -> None:
        self.kept[desired.owner] = desired

    async def drop(self, owner: str) -> None:
        self.kept.pop(owner, None)

    async def delete(self, digest: Digest) -> None:
        self._own.discard(digest)


class FakeWatches:
    """Shows the member's objects by kind, at once; `hidden` shows none, as a test of the watches themselves."""

    def __init__(self, member: FakeMember, discovery: FakeDiscovery) -> None:
        self.kinds: set[tuple[str, str]] = set()
        self.whole: set[tuple[str, str]] = set()
        self.watched_crds = False
        self.looked_again: list[tuple[str, str]] = []
        self.hidden = False
        self.errors: dict[Where, KubeError] = {}
        self.observer: Observations | None = None
        self._member = member
        self._discovery = discovery

    async def ensure(self, resources: Iterable[Resource], keys: Iterable[ObjectKey] = ()) -> dict[Where, KubeError]:
        for resource in resources:
            kind = (resource.group, resource.kind)
            if kind not in self.kinds and (*kind, "") not in self.errors:
                self.kinds.add(kind)
                for key, body in list(self._member.objects.items()):
                    if (key.group, key.kind) == kind:
                        self._show(Event("ADDED", body))
        return self.errors

    def absent(self, key: ObjectKey) -> bool:
        return (key.group, key.kind) in self.kinds

    def watch_kinds(self) -> None:
        self.watched_crds = True

    async def look_again(self, group: str, kind: str, owner: str = "") -> None:
        self.looked_again.append((kind, owner))
        for key, body in list(self._member.objects.items()):
            labels = body["metadata"].get("labels") or {}
            if (key.group, key.kind) == (group, kind) and labels.get(LABEL_OWNER) == owner:
                self._show(Event("MODIFIED", body))

    def look_whole(self, group: str, kind: str) -> None:
        self.whole.add((group, kind))

    def on_event(self, event: Event) -> None:
        key = key_of(event.object)
        if (key.group, key.kind) in self.kinds and not self.hidden:
            self._show(event)

    def _show(self, event: Event) -> None:
        assert self.observer is not None
        selected = LABEL_OWNER in (event.object["metadata"].get("labels") or {})
        unselected = event.object["kind"] in ("Namespace", "HorizontalPodAutoscaler")
        if selected or unselected:
            self.observer.on_object(event, whole=True)
        elif event.type == "MODIFIED":  # it has lost the label: so a watch with a selector says it
            self.observer.on_object(Event("DELETED", event.object), whole=True)


class World:
    """One agent over a member that outlives it; restart() is a crash and a new process."""

    def __init__(self) -> None:
        self.member = FakeMember()
        self.discovery = FakeDiscovery()
        self.artifacts = FakeArtifacts()
        self.store = FakeStore(self.artifacts)
        self.handed_over: tuple[str, ...] = ()
        self.now = 1000.0
        self.delivery = 100
        self.due: dict[str, float] = {}
        self.errors: dict[str, Exception] = {}
        self.tracer: Tracer = NO_TRACES
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "World":
        self.member.stranger(namespace("shop"))
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def restart(self) -> None:
        """Lose everything that is in memory, and what was not written yet."""
        await self._end()
        await self._begin()
        for owner in self.works.desired:
            self.due[owner] = self.now

    def work(self, name: str = "web", *objects: Body, tenant: TenantName = PAYMENTS, **more: Any) -> Body:
        """A Work as the hub has it, newer than all before it."""
        application = ground_key(tenant) if "ground" in more else NamespacedName(tenant_namespace(tenant), name)
        account = identity(tenant)
        self.delivery += 1
        encoded = encode([Manifest.of(body) for body in objects])
        self.artifacts.known[encoded.digest] = tuple(Manifest.of(body) for body in objects)
        spec = {
            "hub": HUB,
            "delivery": self.delivery,
            "type": "Ground" if "ground" in more else "Application",
            "tenant": tenant,
            "application": {"namespace": application.namespace, "name": application.name},
            "owner": owner_hash(application),
            "identity": {"namespace": account.namespace, "name": account.name},
            "options": more.pop("options", {}),
        }
        if "ground" not in more:
            spec["artifact"] = {"digest": encoded.digest}
        return {"metadata": {"name": work_name(application), "generation": self.delivery}, "spec": spec | more}

    async def deliver(self, name: str = "web", *objects: Body, **more: Any) -> WorkStatus:
        """Give the agent a Work, let it work until it rests, and read the Work's status."""
        body = self.work(name, *objects, **more)
        self.works.saw(body)
        await self.rest()
        return self.status(body["spec"]["owner"])

    async def rest(self, until_s: float = 0.0) -> None:
        """Run rounds until nothing is due before until_s from now."""
        end = self.now + until_s
        for _ in range(200):
            ready = sorted((at, owner) for owner, at in self.due.items() if at <= end)
            if not ready:
                break
            at, owner = ready[0]
            del self.due[owner]
            self.now = max(self.now, at)
            self.errors.pop(owner, None)
            try:
                next_s = await self.reconciler.reconcile(owner)
            except (Again, KubeError) as error:
                self.errors[owner] = error
                continue
            if next_s is not None:
                self._wake(owner, next_s)
        else:
            raise AssertionError("it never rests")
        self.now = max(self.now, end)

    def status(self, owner: str) -> WorkStatus:
        """The status of an owner's Work, as it would be written."""
        course = self.works.course(owner)
        contested = {
            key: fight.manager
            for key in course.wanted or ()
            if (fight := self.contests.contested(key)) is not None
        }  # fmt: skip
        status = compose(
            self.works.desired[owner],
            self.inventory.records.get(owner),
            course,
            self.live,
            contested=contested,
            before=WorkStatus(),
        )
        self.journeys.told(self.works.desired[owner], status)
        return status

    def get(self, kind: str, name: str, namespace: str = "shop") -> Body | None:
        """An object of the member."""
        return next(
            (b for k, b in self.member.objects.items() if (k.kind, k.name, k.namespace) == (kind, name, namespace)),
            None,
        )

    def key(self, kind: str, name: str, namespace: str = "shop") -> ObjectKey:
        """The key of an object that is there."""
        return next(k for k in self.member.objects if (k.kind, k.name, k.namespace) == (kind, name, namespace))

    def _report(self, owner: str, after_s: float) -> None:
        self.reports.append(owner)
        self.reported_after[owner] = after_s

    def _wake(self, owner: str, after_s: float) -> None:
        self.due[owner] = min(self.due.get(owner, float("inf")), self.now + after_s)

    async def _begin(self) -> None:
        client, discovery = cast(Client, self.member), cast(Discovery, self.discovery)
        self.watches = FakeWatches(self.member, self.discovery)
        watches = cast(Watches, self.watches)
        self.member.listeners = [self.watches.on_event]
        self.inventory = Inventory(client)
        self.live, self.namespaces, autoscalers = Live(), Namespaces(), Autoscalers()
        self.contests = Contests(lambda: self.now)
        self.works = Works(
            delivered=lambda owner: r.delivery if (r := self.inventory.records.get(owner)) else 0,
            wake=lambda owner: self._wake(owner, 0.0),
            hub=HUB,
        )
        self.journeys = Journeys("east", self.tracer)
        self.reports: list[str] = []
        self.reported_after: dict[str, float] = {}
        self.observations = self.watches.observer = Observations(
            inventory=self.inventory,
            live=self.live,
            namespaces=self.namespaces,
            autoscalers=autoscalers,
            contests=self.contests,
            works=self.works,
            discovery=discovery,
            wake=self._wake,
            report=self._report,
            clock=lambda: self.now,
        )
        lanes = Lanes(4)
        applier = Applier(
            client,
            lanes,
            self.live,
            lambda owner: str(r.application) if (r := self.inventory.records.get(owner)) else None,
            self.works.judge,
        )
        self.reconciler = Reconciler(
            Ports(
                inventory=self.inventory,
                live=self.live,
                namespaces=self.namespaces,
                autoscalers=autoscalers,
                contests=self.contests,
                works=self.works,
                watches=watches,
                observations=self.observations,
                discovery=discovery,
                artifacts=cast(Artifacts, self.artifacts),
                store=cast(DesiredStore, self.store),
                applier=applier,
                pruner=Pruner(client, discovery, lanes, self.live, applier, Freer(client, lanes)),
                handed_over=lambda: self.handed_over,
                wake=self._wake,
                report=self._report,
                clock=lambda: self.now,
                journeys=self.journeys,
            )
        )
        self.due.clear()
        self.works.restore(await self.store.load())
        self.works.desired = {owner: replace(d, present=True) for owner, d in self.works.desired.items()}
        await self.inventory.load()
        kinds = {(k.group, k.kind) for r in self.inventory.records.values() for k in r.entries} | {("", "Namespace")}
        await self.watches.ensure([r for kind in sorted(kinds) if (r := self.discovery.served.get(kind))])
        self._writer = asyncio.create_task(self.inventory.run())

    async def _end(self) -> None:
        assert self._writer is not None
        self._writer.cancel()
        await asyncio.wait((self._writer,))
        self.member.listeners = []
