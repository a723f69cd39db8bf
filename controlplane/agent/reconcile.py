"""One round for one owner: read what is wanted and what is there, plan, carry out, remember, report.

Level-based: only a key comes in. A round that finds nothing to do sends nothing. What goes wrong with one object is that
object's fault and holds up nobody else; the queue decides when to try again.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

from controlplane.agent.carry import Carrier
from controlplane.agent.course import Course
from controlplane.agent.desired import Desired, needed
from controlplane.agent.drift import ONCE
from controlplane.agent.entry import Record
from controlplane.agent.fetch import FetchFailed
from controlplane.agent.handover import Handover
from controlplane.agent.healing import Healing
from controlplane.agent.item import Item
from controlplane.agent.moving import owner_of, waits_for
from controlplane.agent.plan import Plan, plan, removal
from controlplane.agent.ports import Ports
from controlplane.agent.prepare import Prepared, prepare_ground, prepare_manifests
from controlplane.agent.problem import Ends, Fault
from controlplane.agent.replicas import AUTOSCALER
from controlplane.agent.run import REMOVAL, begun
from controlplane.agent.sync import Delivery, Sync
from controlplane.agent.watches import Where
from controlplane.api.keys import Digest, NamespacedName, ObjectKey, TenantName
from controlplane.api.order import Moment
from controlplane.artifact.errors import ArtifactError
from controlplane.health.status import WELL
from controlplane.kube.errors import KubeError, UnknownKind
from controlplane.kube.resource import Resource
from controlplane.telemetry.steps import step as timed

__all__ = ["Again", "Reconciler"]

_log = logging.getLogger(__name__)
_SLOW_S = 300.0  # the next look at what only an event can mend, in case that the event never comes
_SETTLING_S = 1.0  # after a round that wrote
_LONG_ROUND_S = 5.0  # a round that writes for longer is reported while it goes on


class Again(Exception):
    """A round that has to be tried again; its faults are in the course already."""


class Reconciler:
    """Brings one owner after the other to what its Work says."""

    def __init__(self, ports: Ports) -> None:
        self._io = ports
        self._carrier = Carrier(ports)
        self._healing = Healing(ports)
        self._sync = Sync(ports, self._carrier)
        self._handover = Handover(ports)

    async def reconcile(self, owner: str) -> float | None:
        """One round. Returns seconds until the next look, None for none. Raises Again, or KubeError."""
        io = self._io
        desired = io.works.desired.get(owner)
        if desired is None:
            return None
        course = io.works.course(owner)
        io.journeys.begin(desired, io.inventory.records.get(owner))
        course.running, course.stirred, course.fresh = True, False, {}
        try:
            if owner in io.works.unsaved:
                io.works.unsaved.discard(owner)
                await self._save(desired)
            if desired.spec.state == "Removed":
                return await self._remove(desired, course)
            return await self._deliver(desired, course)
        except Again:
            if course.stirred or io.works.desired.get(owner) is not desired:
                return 0.0  # a newer Work, or what was waited for, came meanwhile: it does not wait out this round's backoff
            raise
        except KubeError as error:
            course.faults = {None: Fault(None, error.reason or "Refused", error.message, Ends.RETRY)}
            raise
        finally:
            course.running = False
            course.rounds += 1
            io.journeys.ended(desired, course)
            # what only waits for health is told a little later: mostly it is well by then, and one write does for both
            settling = course.settling and not (course.faults or course.removed or self._all_well(course))
            io.report(owner, _SETTLING_S if settling else 0.0)

    def _all_well(self, course: Course) -> bool:
        if course.wanted is None:
            return False
        looks = map(self._io.live.get, course.wanted)
        return all(seen is not None and not seen.gone and seen.health.status in WELL for seen in looks)

    def tidy(self) -> None:
        """Forget what no event can be compared with any more: contests that are over, answers of long ago."""
        self._io.contests.tidy()
        for course in self._io.works.courses.values():
            self._carrier.tidy(course)

    # --- delivering

    async def _deliver(self, desired: Desired, course: Course) -> float | None:
        io, spec = self._io, desired.spec
        record = self._record(desired)
        io.inventory.delivered(record, hub=spec.hub, delivery=spec.delivery)
        if spec.suspended:
            course.faults = {}
            course.wanted = frozenset(k for k, entry in record.entries.items() if entry.uid and entry.print != ONCE)
            await io.watches.ensure(await self._kinds(record.entries), record.entries)
            return None
        if spec.moved_to is not None:  # nothing of it is touched any more: it is another one's, or about to be
            course.faults, course.wanted = {}, frozenset(key for key, entry in record.entries.items() if entry.uid)
            io.wake(owner_of(spec.moved_to), 0.0)
            return None
        if (waits := waits_for(desired, record, io.works, io.inventory)) is not None:
            course.faults, course.wanted = {None: waits}, frozenset()
            return _SLOW_S
        prepared, stale = await self._prepare(desired, record)
        if prepared is None:
            assert stale is not None
            course.faults = {None: stale}
            raise Again(stale.message)
        course.fresh |= dict(prepared.faults.items())
        if stale is None and spec.type == "Application":
            self._begin_run(desired, record, prepared)
        await self._handover.take_over(desired, record, course, prepared.items)
        unseen = await self._watch([*prepared.items.values(), *prepared.hooks.values()], record)
        items = self._healing.fit(desired, record, prepared.items)
        spared = {k for k in record.entries if k in prepared.wanted or k in prepared.orders}
        spared |= {k for k in record.entries if k.namespace in prepared.untouched}
        spared |= {k for k in record.entries if k.kind == "Namespace" and k.name in prepared.untouched}
        self._healing.ask_again(desired, record, course, items)
        heal = await self._healing.look(desired, record, course, items)
        step = plan(
            {key: item.hash for key, item in items.items()},
            {key: entry for key, entry in record.entries.items() if key in items or key not in spared},
            drifted=heal.apply,
            prune=spec.options.prune and stale is None,
            waves=prepared.waves,
            spared=self._handover.spared(record),
        )
        course.wanted = frozenset(prepared.wanted)
        course.settling = bool(step.apply)
        if not step.empty:
            io.report(desired.owner, _LONG_ROUND_S)
        await io.inventory.intend(record, [key for phase in step.apply for key in phase])
        await self._judge_anew(desired, record, course)
        turn = Delivery(
            prepared,
            items,
            step,
            record,
            course,
            str(spec.application),
            free=heal.free,
            timeout_s=spec.options.health_timeout_s,
            ordered=stale is None,
        )
        with timed("apply", objects=sum(map(len, step.apply))) as applying:
            applied = await self._sync.before(turn)
            applying.error = next((fault.reason for fault in course.fresh.values() if fault.blocks), "")
        for (group, kind, namespace), error in unseen.items():
            for key in (k for k in items if (k.group, k.kind) == (group, kind) and namespace in ("", k.namespace)):
                course.fresh.setdefault(key, Fault(key, "Unwatched", error.message, Ends.RETRY))
        if stale is not None:
            course.fresh[None] = stale
        course.kept = len(step.kept) if stale is None else 0
        course.left = step.kept[:3]
        left = await self._prune(step.prune, record, course) if applied else True
        course.again &= items.keys()
        carried_out = not (_hindered(course) or left or course.again) and await self._sync.after(turn)
        carried_out = carried_out and not _hindered(course)  # a hook after it may have failed
        await self._sync.end(turn, settled=carried_out)
        course.faults = course.fresh
        course.fresh = {}
        if carried_out:
            await self._settled(desired, record, course)
        return self._next_look(course, heal.wait_s)

    async def _judge_anew(self, desired: Desired, record: Record, course: Course) -> None:
        """Look once more where no event will come: other rules than the last ones, or a verdict that time alone changes."""
        ruled: set[tuple[str, str]] = set()
        if course.judged != desired.spec.health:
            ruled = {(rule.group, rule.kind) for rule in (*course.judged, *desired.spec.health)}
        looks = ((key, self._io.live.get(key)) for key in record.entries)
        passing = {
            (key.group, key.kind) for key, seen in looks if seen is not None and seen.health.recheck_s is not None
        }
        for group, kind in sorted(passing | (ruled & {(key.group, key.kind) for key in record.entries})):
            await self._io.watches.look_again(group, kind, desired.owner)
        course.judged = desired.spec.health

    async def _prune(self, phases: Iterable[tuple[ObjectKey, ...]], record: Record, course: Course) -> bool:
        """Prune what left the delivery; True if something of it is left.

        Not while something new could not be applied: it may be what replaces the old (a renamed Deployment, say).
        An unknown kind replaces nothing that is there. Ground waits for nothing: rights that were withdrawn have to go.
        """
        phases = tuple(phases)
        if not phases:
            return False
        hindrances = [f for f in course.fresh.values() if f.blocks and f.reason not in ("UnknownKind", "Unwatched")]
        if hindrances and record.identity is not None:
            count = sum(map(len, phases))
            course.waiting = f"{count} objects that left the delivery stay until the rest of it is applied"
            return True
        with timed("prune", objects=sum(map(len, phases))):
            gone = await self._carrier.prune(phases, record, course, lambda fault: _note(course, fault))
        course.waiting = "" if gone else f"{len(course.deleting)} objects are being deleted"
        return not gone

    async def _settled(self, desired: Desired, record: Record, course: Course) -> None:
        """Everything of a delivery is carried out."""
        io, before = self._io, record.digest
        spec = desired.spec
        io.inventory.delivered(
            record, hub=spec.hub, delivery=spec.delivery, digest=desired.digest, sync=spec.sync or record.sync
        )
        course.done, course.waiting = spec.delivery, ""
        if before != desired.digest and spec.type == "Application":
            await self._collect(before)

    async def _prepare(self, desired: Desired, record: Record) -> tuple[Prepared | None, Fault | None]:
        """What to apply; with a fault beside it, it is what was applied last, since the newest cannot be had."""
        io = self._io
        if desired.spec.type == "Ground":
            ground = await prepare_ground(
                desired,
                record.entries,
                discovery=io.discovery,
                namespaces=io.namespaces,
                handed_over=io.handed_over(),
                gate=io.gate,
                hardened=io.hardened(),
            )
            return ground, None
        stale: Fault | None = None
        try:
            with timed("fetch artifact"):
                manifests = await io.artifacts.manifests(desired)
        except (FetchFailed, ArtifactError) as error:
            stale = Fault(None, error.reason, str(error), Ends.RETRY)
            kept = await io.artifacts.kept(Digest(record.digest)) if record.digest else None
            if kept is None:
                return None, stale
            manifests = kept
        if io.observations.kinds_in_motion:
            io.discovery.invalidate()
        made = await prepare_manifests(
            desired, manifests, discovery=io.discovery, namespaces=io.namespaces, gate=io.gate
        )
        if any(fault.reason == "UnknownKind" for fault in (*made.faults.values(), *made.hook_faults.values())):
            io.watches.watch_kinds()
        return made, stale

    async def _watch(self, items: Iterable[Item], record: Record) -> dict[Where, KubeError]:
        """See to it that all kinds of this owner are watched; those that could not be listed."""
        items = tuple(items)
        keys = [*(item.key for item in items), *record.entries]
        kinds = {(item.resource.group, item.resource.kind): item.resource for item in items}
        resources = [*kinds.values(), *await self._kinds(k for k in record.entries if (k.group, k.kind) not in kinds)]
        scaled = [item.key for item in items if "replicas" in (item.body.get("spec") or {})]
        if AUTOSCALER not in kinds and scaled:
            resources.append(await self._io.discovery.resource(*AUTOSCALER))
        keys += [ObjectKey(*AUTOSCALER, key.namespace, key.name) for key in scaled]
        return await self._io.watches.ensure(resources, keys)

    async def _kinds(self, keys: Iterable[ObjectKey]) -> list[Resource]:
        found = []
        for group, kind in {(key.group, key.kind) for key in keys}:
            try:
                found.append(await self._io.discovery.resource(group, kind))
            except UnknownKind:
                continue
        return found

    def _next_look(self, course: Course, wait_s: float | None) -> float | None:
        faults = [fault for fault in course.faults.values() if fault.blocks]
        if any(fault.ends not in (Ends.EVENT, Ends.NEWS) for fault in faults):
            raise Again(faults[0].message)
        if faults and self._io.observations.kinds_in_motion and any(f.reason == "UnknownKind" for f in faults):
            raise Again("kinds are changing")
        if faults:
            return min(_SLOW_S, wait_s) if wait_s is not None else _SLOW_S
        return wait_s

    def _begin_run(self, desired: Desired, record: Record, made: Prepared) -> None:
        """See which run of its delivery this is. An Application without waves and hooks has none, unless it once had."""
        spec, orders = desired.spec, made.orders.values()
        sync = "" if spec.sync_objects else spec.sync  # some objects again are no run of the whole
        if record.run is None and not any(o.moments for o in orders) and len({o.wave for o in orders}) <= 1:
            return
        run = begun(
            record.run,
            digest=desired.digest,
            sync=sync,
            at=spec.delivery,
            carried_out=record.digest == desired.digest and sync in ("", record.sync),
        )
        deletes = any(made.hooks_at(moment) for moment in (Moment.PRE_DELETE, Moment.POST_DELETE))
        self._io.inventory.ran(record, replace(run, deletes=deletes))

    # --- removing

    async def _remove(self, desired: Desired, course: Course) -> float | None:
        io = self._io
        record = io.inventory.records.get(desired.owner)
        course.wanted, course.settling = None, True
        if record is not None:
            io.inventory.delivered(record, hub=desired.spec.hub, delivery=desired.spec.delivery)
            if self._handover.is_waited_for(desired):
                course.waiting = f"{len(record.entries)} objects wait to be taken over"
                io.wake(owner_of(desired.spec.moved_to), 0.0)
                return _SLOW_S
            await io.watches.ensure(await self._kinds(record.entries), record.entries)
            if not await self._take_away(desired, record, course):
                course.faults, course.fresh = course.fresh, {}
                return self._next_look(course, None)
            io.inventory.removed(record)
            await io.inventory.flush()  # before it is told: what was told must be true after a crash, too
        course.faults, course.fresh = {}, {}
        course.removed = True
        if not desired.present and io.works.desired.get(desired.owner) is desired:
            # the hub has let the Work go. Not so where its list has shown the Work since this round began: it is to be told
            io.works.forget(desired.owner)
            await io.store.drop(desired.owner)
            await self._collect(desired.artifact or "")
        return None

    async def _take_away(self, desired: Desired, record: Record, course: Course) -> bool:
        """Delete everything of an owner, with the hooks around it. True once nothing of it is left."""
        io, spec = self._io, desired.spec

        async def prune(keys: Iterable[ObjectKey]) -> bool:
            steps = removal({key: record.entries[key] for key in keys}).prune
            return await self._carrier.prune(steps, record, course, lambda fault: _note(course, fault))

        if spec.options.orphan or not spec.options.prune:
            steps = removal(record.entries).prune
            return await self._carrier.prune(steps, record, course, lambda fault: _note(course, fault), orphan=True)
        if record.run is None or not record.run.deletes:
            return await prune(record.entries)
        try:
            manifests = await io.artifacts.manifests(desired)
        except (
            FetchFailed,
            ArtifactError,
        ) as error:  # without it nobody knows the hooks, and they may be what saves the data
            _note(course, Fault(None, error.reason, str(error), Ends.RETRY))
            return False
        made = await prepare_manifests(
            desired, manifests, discovery=io.discovery, namespaces=io.namespaces, gate=io.gate
        )
        await self._watch(made.hooks.values(), record)
        run = begun(record.run, digest=REMOVAL, sync=spec.sync, at=spec.delivery, carried_out=False)
        io.inventory.ran(record, replace(run, deletes=True))
        turn = Delivery(
            made, {}, Plan(), record, course, str(spec.application), timeout_s=spec.options.health_timeout_s
        )
        after = {key for keys in made.hooks_at(Moment.POST_DELETE).values() for key in keys}
        hooks = after | {key for keys in made.hooks_at(Moment.PRE_DELETE).values() for key in keys}
        homes = {key.namespace for key in after}
        kept = {k for k in record.entries if k in hooks or (k.kind == "Namespace" and k.name in homes)}
        gone = await self._sync.around_deletion(turn, Moment.PRE_DELETE)
        gone = gone and await prune(record.entries.keys() - kept)
        gone = gone and await self._sync.around_deletion(turn, Moment.POST_DELETE)
        await self._sync.end(turn, settled=False)
        return gone and await prune(record.entries)

    # --- what is remembered

    async def _save(self, desired: Desired) -> None:
        try:
            await self._io.store.put(desired)
        except OSError as error:
            self._io.works.unsaved.add(desired.owner)
            _log.warning("a Work cannot be kept", extra={"owner": desired.owner, "error": error.strerror})

    async def _collect(self, digest: str) -> None:
        """Throw away an artifact that nothing names any more."""
        io = self._io
        if digest and digest not in needed(
            io.works.desired.values(), (record.digest for record in io.inventory.records.values())
        ):
            try:
                await io.store.artifacts.delete(Digest(digest))
            except OSError as error:
                _log.warning("an artifact cannot be thrown away", extra={"digest": digest, "error": error.strerror})

    def _record(self, desired: Desired) -> Record:
        spec = desired.spec
        identity = NamespacedName(spec.identity.namespace, spec.identity.name)
        return self._io.inventory.record(
            Record(
                owner=desired.owner,
                tenant=TenantName(spec.tenant),
                application=NamespacedName(spec.application.namespace, spec.application.name),
                identity=None if spec.type == "Ground" else identity,
                sync=spec.sync,
            )
        )


def _hindered(course: Course) -> bool:
    """Whether anything of the round under way stands between the delivery and its end."""
    return any(fault.blocks for fault in course.fresh.values())


def _note(course: Course, fault: Fault) -> None:
    course.fresh[fault.key] = fault
