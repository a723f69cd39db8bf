"""Holding: what a change would remove, and may not without a person's word, stays; the rest of the change goes out.

What is held on a cluster goes on being delivered there: it stands in the Work's artifact beside what Git says, as it was
delivered last. So the newest artifact of a cluster always names everything that is to be there; an agent, which prunes what
its artifact does not name, needs to know nothing of this, and the next commit is compared with all that is there, held
objects included. Where that cannot be done (policy does not allow the object any more, the artifact is lost), the cluster
keeps the delivery that it has, whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.api.application import Application, Held
from controlplane.api.keys import ClusterName, Digest, NamespacedName, ObjectKey
from controlplane.api.labels import ANNOTATION_APPROVE
from controlplane.api.manifest import Manifest
from controlplane.api.names import cluster_of_namespace, owner_hash
from controlplane.api.work import Kept, Work, WorkSpec
from controlplane.artifact.codec import encode
from controlplane.artifact.errors import ArtifactError
from controlplane.artifact.store import Store
from controlplane.hub.children import ChildPlan
from controlplane.hub.conditions import Reason
from controlplane.hub.delivered import Contents, Delivered, KeysUnknown
from controlplane.hub.dispatch import Payload
from controlplane.hub.family import Family
from controlplane.hub.grants import Grants
from controlplane.hub.guard import HUB, Change, Judgement, judge
from controlplane.hub.moves import Moves
from controlplane.hub.prepare import Prepared
from controlplane.hub.select import Selector
from controlplane.hub.waiting import Waiting
from controlplane.hub.word import said
from controlplane.hub.world import World
from controlplane.policy.denial import Denied
from controlplane.policy.gate import Permit, Target

__all__ = ["Holder", "Holding"]

_NAMESPACE = "Namespace"


@dataclass(frozen=True, slots=True)
class Holding:
    """What goes out now.

    payloads: of each cluster, with what is kept there; kept: where something is. namespaces: what createNamespace made
    and is kept. stays: clusters whose Work stays as it is. permits: of the clusters where the Application's own is not
    enough. stop: what waits for a word; let: what goes by one.
    """

    payloads: Mapping[ClusterName, Payload]
    step: ChildPlan
    permit: Permit
    kept: Mapping[ClusterName, Kept] = field(default_factory=dict)
    namespaces: Mapping[ClusterName, str] = field(default_factory=dict)
    stays: frozenset[ClusterName] = frozenset()
    permits: Mapping[ClusterName, Permit] = field(default_factory=dict)
    stop: Held | None = None
    let: Held | None = None

    def fit(self, cluster: ClusterName, spec: WorkSpec) -> WorkSpec:
        """What a cluster's Work says, with what is kept there."""
        changes: dict[str, object] = {"kept": self.kept.get(cluster)}
        if cluster in self.namespaces:
            changes["options"] = spec.options.model_copy(update={"create_namespace": self.namespaces[cluster]})
        return spec.model_copy(update=changes)

    def waiting(self, key: NamespacedName) -> Waiting | None:
        """What is said of what waits."""
        stop = self.stop
        if stop is None:
            return None
        message = (
            f"{stop.removes} of {stop.of} objects stay, which {stop.revision} would remove ({stop.why}); "
            f"`cpctl app approve {key} --token {stop.token}` lets them go"
        )
        return Waiting(Reason.HELD, message, stop)

    def permit_for(self, cluster: ClusterName) -> Permit:
        """What lets this cluster's payload leave the hub."""
        return self.permits.get(cluster, self.permit)


@dataclass(frozen=True, slots=True)
class _Merged:
    payload: Payload
    permit: Permit


class Holder:
    """Judges what is prepared against what is delivered, and keeps what has to wait."""

    def __init__(
        self, world: World, selector: Selector, store: Store, delivered: Delivered, family: Family, moves: Moves
    ) -> None:
        self._world = world
        self._selector = selector
        self._store = store
        self._delivered = delivered
        self._family = family
        self._moves = moves
        self._grants = Grants(world)
        self._approved: dict[NamespacedName, tuple[str, frozenset[str]]] = {}
        self._merged: dict[NamespacedName, dict[ClusterName, tuple[object, _Merged | None]]] = {}

    def forget(self, key: NamespacedName) -> None:
        """The Application is gone."""
        self._approved.pop(key, None)
        self._merged.pop(key, None)

    async def look(
        self, key: NamespacedName, application: Application, prepared: Prepared, works: Sequence[Work], step: ChildPlan
    ) -> Holding:
        """What goes out of what is prepared. step: what would be done to the children."""
        everything = Holding(prepared.payloads, step, prepared.permit)
        if not application.spec.sync.prune:
            self.forget(key)
            return everything
        before = {
            cluster: work
            for work in (*works, *self._moves.works_from(key, application))
            if work.spec.state == "Present"
            and (cluster := cluster_of_namespace(work.metadata.namespace)) is not None
            and (cluster in prepared.payloads or work.spec.owner == owner_hash(key))
        }
        changes = [
            change
            for cluster, work in sorted(before.items())
            if (change := await self._change(key, application, prepared, cluster, work)) is not None
        ]
        if step.prune:
            changes.append(await self._family.change(key, prepared.children, step.prune))
        if not changes:
            self.forget(key)
            return everything
        judged = self._judge(key, application, prepared, changes)
        held = [change for change in changes if change.place in judged.held]
        made = replace(everything, stop=judged.stop, let=judged.let)
        if step.prune:
            made = replace(made, step=replace(step, prune=self._family.may_go(step.prune, HUB in judged.held)))
        return await self._keep(key, application, prepared, made, before, [c for c in held if c.place != HUB])

    def _judge(
        self, key: NamespacedName, application: Application, prepared: Prepared, changes: list[Change]
    ) -> Judgement:
        spec, revision = application.spec, prepared.head.revision
        newest = self._selector.attempted(key, application)
        tokens, numbers = said(prepared.head.commit.allow_removal, key)
        later, _ = said(newest.commit.allow_removal if newest is not None else (), key)
        approved = {spec.request.approve, application.metadata.annotations.get(ANNOTATION_APPROVE, "")} - {""}
        of, lines = self._approved.get(key, ("", frozenset[str]()))
        judged = judge(
            changes, spec.sync.guard, revision,
            tokens=approved | tokens | later, allowed=numbers, lines=lines if of == revision else (),
        )  # fmt: skip
        self._approved[key] = (revision, judged.lines)
        return judged

    async def _change(
        self, key: NamespacedName, application: Application, prepared: Prepared, cluster: ClusterName, work: Work
    ) -> Change | None:
        """What a cluster would lose; None where nothing can be lost by a change of ours."""
        wanted = prepared.payloads.get(cluster)
        if wanted is None and not self._grants.holds(application, cluster, work):
            return None  # the cluster goes, or the tenant may not be there any more: that is the platform's word
        made = work.spec.options.create_namespace
        make = prepared.permit.create_namespace if wanted is not None else None
        digest = work.spec.artifact.digest if work.spec.artifact else ""
        if wanted is not None and digest == wanted.digest and made in (None, make):
            return None
        after = set(prepared.keys.get(cluster, ()))
        after |= {_namespace(make)} if make else set()
        contents = await self._contents(key, application, cluster, work)
        if contents is None:
            return Change(cluster, frozenset(), frozenset(after), unknown=True, leaves=wanted is None)
        before = contents.removable | ({_namespace(made)} if made else set())
        held = work.spec.kept is not None
        return Change(cluster, before, frozenset(after), held=held, leaves=wanted is None)

    async def _contents(
        self, key: NamespacedName, application: Application, cluster: ClusterName, work: Work
    ) -> Contents | None:
        """From the artifact or, where the store has lost that, from the commit; None where neither can be had."""
        try:
            return await self._delivered.contents(work)
        except KeysUnknown:
            if work.spec.kept is not None or work.spec.owner != owner_hash(key):
                return None  # a commit says nothing of what is kept beside it, or of what another one had
        again = await self._selector.at_commit(key, application, work.spec.revision.rpartition(":")[2])
        if again is None or cluster not in again.keys:
            return None
        for digest, payload in again.encoded.items():
            await self._store.put(digest, payload)
        try:
            return await self._delivered.contents(work)
        except KeysUnknown:
            return Contents(again.keys[cluster], again.keys[cluster])

    async def _keep(
        self, key: NamespacedName, application: Application, prepared: Prepared, made: Holding,
        before: Mapping[ClusterName, Work], held: list[Change],
    ) -> Holding:  # fmt: skip
        payloads, kept, namespaces = dict(made.payloads), dict[ClusterName, Kept](), dict[ClusterName, str]()
        permits, stays = dict[ClusterName, Permit](), set[ClusterName]()
        for change in held:
            cluster = ClusterName(change.place)
            work, wanted = before[cluster], made.payloads.get(cluster)
            name = work.spec.options.create_namespace
            gone = change.removed
            if name is not None and _namespace(name) in gone:
                gone -= {_namespace(name)}
                namespaces[cluster] = name
                if prepared.permit.create_namespace is not None:
                    wanted = None  # a Work makes one namespace, and it would be another one
            merged = None
            if wanted is not None and not change.unknown:
                merged = await self._merge(key, application, prepared, cluster, work, gone) if gone else None
                if not gone:
                    continue
            if merged is None:
                stays.add(cluster)
                payloads.pop(cluster, None)
                continue
            assert wanted is not None
            payloads[cluster], permits[cluster] = merged.payload, merged.permit
            kept[cluster] = Kept(objects=len(gone), besides=wanted.digest)
        return replace(
            made, payloads=payloads, kept=kept, namespaces=namespaces, stays=frozenset(stays), permits=permits
        )

    async def _merge(
        self, key: NamespacedName, application: Application, prepared: Prepared, cluster: ClusterName, work: Work,
        gone: frozenset[ObjectKey],
    ) -> _Merged | None:  # fmt: skip
        """What is wanted with what is gone from it, permitted for this cluster; None where that cannot be."""
        if work.spec.artifact is None:
            return None
        wanted = prepared.payloads[cluster]
        inputs = (work.spec.artifact.digest, wanted.digest, gone, prepared.permit)
        known = self._merged.setdefault(key, {})
        if cluster in known and known[cluster][0] == inputs:
            return known[cluster][1]
        merged: _Merged | None = None
        try:
            old = await self._delivered.manifests(Digest(work.spec.artifact.digest))
            new = await self._delivered.manifests(wanted.digest)
            both: tuple[Manifest, ...] = (*new, *(manifest for manifest in old if manifest.key in gone))
            encoded = encode(both)
            target = Target(cluster=cluster, digest=encoded.digest, manifests=both)
            permit = self._selector.permit(key, application, prepared.head, (target,))
            if permit is not None:
                await self._store.put(encoded.digest, encoded.payload)
                payload = Payload(encoded.digest, len(encoded.payload), encoded.objects)
                merged = _Merged(payload, permit)
        except (KeysUnknown, ArtifactError, Denied):
            merged = None
        known[cluster] = (inputs, merged)
        return merged


def _namespace(name: str) -> ObjectKey:
    return ObjectKey("", _NAMESPACE, "", name)
