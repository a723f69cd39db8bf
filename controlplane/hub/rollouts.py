"""Rollouts: the edge of rollout.py. What members have and how they do is read from Works and children, the record is kept in
a ConfigMap, and what was good before is brought back by recall.py, with the gate's permit of today.
"""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, Digest, NamespacedName, ObjectKey
from controlplane.api.labels import ANNOTATION_APPROVE, HUB_NAMESPACE, LABEL_ROLLOUT_OF
from controlplane.api.model import CommitInfo
from controlplane.api.rollout import Rollout
from controlplane.api.work import Work
from controlplane.hub.child_waves import NOBODY, Line
from controlplane.hub.children import Children, content_of
from controlplane.hub.conditions import Reason
from controlplane.hub.dependencies import Dependencies, Holds
from controlplane.hub.dispatch import HUB_MANAGER
from controlplane.hub.holding import Holding
from controlplane.hub.prepare import Prepared, Refusal
from controlplane.hub.ration import Ration, child_name, step_of
from controlplane.hub.recall import Past, Recall
from controlplane.hub.rollout import Choice, Decision, Record, Seen, begin, decide, is_needed, rules_of
from controlplane.hub.rollout_record import decode_record, encode_record, kept_part, record_name
from controlplane.hub.rollout_status import arrived, rollout_status, rollout_waits
from controlplane.hub.rollup import is_work_ready, present_works, trouble_of
from controlplane.hub.sources import Head
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.resource import CONFIGMAPS

__all__ = ["Rollouts", "Wish"]

_ABSENT = "absent"  # the target of a child that is to go
_AGAIN_S = 30.0  # until what was good is sought once more
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What everybody is to have in the end, and how they are now."""

    target: Mapping[str, str]
    seen: Mapping[str, Seen]
    labels: Mapping[str, Mapping[str, str]]


class Rollouts:
    """The rollouts of all Applications. online: whether a cluster's agent is heard of."""

    def __init__(
        self, client: Client, world: World, children: Children, dependencies: Dependencies, recall: Recall,
        online: Callable[[ClusterName], bool], clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._client = client
        self._world = world
        self._children = children
        self._dependencies = dependencies
        self._recall = recall
        self._online = online
        self._clock = clock
        self._records: dict[NamespacedName, tuple[Record, Head]] = {}

    async def load(self) -> None:
        """Read all records; once, at the start."""
        listing = await self._client.list(CONFIGMAPS, HUB_NAMESPACE, label_selector=LABEL_ROLLOUT_OF)
        for body in listing.items:
            try:
                key, record, good = decode_record(body)
            except (KeyError, ValueError, TypeError, OSError):
                _log.warning(
                    "a rollout's record cannot be read; it begins anew", extra={"record": body["metadata"]["name"]}
                )
                continue
            self._records[key] = record, good

    def named(self) -> frozenset[Digest]:
        """The artifacts that a rollout may still need, whether or not a Work names them."""
        digests = (d for record, _ in self._records.values() for d in (*record.good.values(), *record.target.values()))
        return frozenset(Digest(digest) for digest in digests if digest.startswith("sha256:"))

    async def forget(self, key: NamespacedName) -> None:
        """Drop what is known: the Application is gone, rolls out nothing any more, or has arrived."""
        if self._records.pop(key, None) is not None:
            try:
                await self._client.delete(CONFIGMAPS, record_name(key), HUB_NAMESPACE)
            except NotFound:
                pass

    async def unfinished(self, key: NamespacedName, application: Application) -> Prepared | None:
        """What is being rolled out, from its artifacts, for a look at which a newer commit does not come to that; None = nothing."""
        known = self._records.get(key)
        if known is None or application.spec.rollout is None or any("/" in name for name in known[0].target):
            return None
        record, good = known
        head = Head(good.url, record.revision.rpartition(":")[2], record.revision, CommitInfo())
        digests = {ClusterName(name): Digest(digest) for name, digest in record.target.items()}
        try:
            return await self._recall.prepare(key, application, Past(head, digests))
        except (Refusal, Waiting):
            return None

    def wish(
        self, key: NamespacedName, application: Application, prepared: Prepared, holding: Holding, works: Sequence[Work]
    ) -> Wish | None:
        """What a rollout is about; None where the Application has none. A cluster whose Work the guard keeps is no part of it."""
        if application.spec.rollout is None:
            return None
        present = present_works(works)
        target: dict[str, str] = {cluster: payload.digest for cluster, payload in holding.payloads.items()}
        record = self._records[key][0] if key in self._records else None
        good = record.good if record is not None else {}
        seen: dict[str, Seen] = {
            cluster: self._seen(cluster, present.get(cluster), target[cluster], good.get(cluster, ""))
            for cluster in holding.payloads
        }
        labels: dict[str, Mapping[str, str]] = {}
        for cluster in holding.payloads:
            found = self._world.cluster(cluster)
            labels[cluster] = found.metadata.labels if found is not None else {}
        live = self._children.live(key, prepared.children)
        for child in prepared.children:
            if child.key.kind == "Application":
                name = child_name(child.key)
                target[name], labels[name] = content_of(child.body), child.body["metadata"].get("labels") or {}
                seen[name] = self._seen_child(child.key, live.get(child.key))
        for gone in holding.step.prune:
            if gone.kind == "Application":
                name, body = child_name(gone), live.get(gone)
                target[name] = _ABSENT
                labels[name] = (body["metadata"].get("labels") or {}) if body is not None else {}
                if body is not None and body["metadata"].get("deletionTimestamp") is None:  # its step has not come
                    met = self._dependencies.is_met(NamespacedName(gone.namespace, gone.name))
                    seen[name] = Seen(has=_has(body), ready=met)
                else:
                    seen[name] = Seen(has=_ABSENT, ready=body is None)
        return Wish(target, seen, labels)

    def under_way(self, key: NamespacedName, application: Application, wish: Wish | None) -> bool:
        """Whether the rollout of just this has begun: what lets it begin is not asked again."""
        rollout, known = application.spec.rollout, self._records.get(key)
        if wish is None or rollout is None or known is None:
            return False
        return not is_needed(known[0], wish.target, wish.seen, _sync(application, known[0]), _plan(rollout))

    async def ration(
        self, key: NamespacedName, application: Application, prepared: Prepared, wish: Wish | None, holds: Holds,
        line: Line = NOBODY,
    ) -> Ration:  # fmt: skip
        """Who gets what at this look; the record is kept before anything goes out. line: the children in their waves."""
        rollout = application.spec.rollout
        if rollout is None or wish is None or not wish.target:
            await self.forget(key)
            status = (
                arrived(application.status.rollout, prepared, len(prepared.payloads)) if rollout is not None else None
            )
            return replace(_without(holds), status=status)
        known = self._records.get(key)
        record, good = known if known is not None else (None, None)
        sync, plan = _sync(application, record), _plan(rollout)
        needed = is_needed(record, wish.target, wish.seen, sync, plan)
        if needed:
            good = good or self._good_head(key, application, prepared)
            revision, steps = prepared.head.revision, _steps(rollout, wish)
            record = begin(
                record, wish.target, wish.seen, steps, revision=revision, now_s=self._clock(), sync=sync, plan=plan
            )
        there = all(wish.seen[name].has == digest for name, digest in wish.target.items())
        if record is None or good is None or (needed and there):  # back to what everybody has: nothing goes anywhere
            await self.forget(key)
            return replace(_without(holds), status=arrived(application.status.rollout, prepared, len(wish.target)))
        waits = line.wait(partial(step_of, steps=record.step_of))
        turn = frozenset(child_name(key) for key in waits.held if key.kind == "Application")
        held = frozenset(wish.target) if holds.everywhere else holds.clusters | turn
        approve = {application.spec.request.approve, application.metadata.annotations.get(ANNOTATION_APPROVE, "")} - {
            ""
        }
        decision = decide(record, rules_of(rollout), wish.seen, self._clock(), held=held, approve=approve)
        if decision.phase == "Done":
            await self.forget(key)
            return replace(_without(holds), status=rollout_status(decision, rollout))
        return await self._carried(key, application, decision, good, rollout, holds)

    async def _carried(
        self,
        key: NamespacedName,
        application: Application,
        decision: Decision,
        good: Head,
        rollout: Rollout,
        holds: Holds,
    ) -> Ration:
        back, stop, look_s, record = None, "", decision.look_s, decision.record
        if Choice.GOOD in decision.give.values():
            digests = {ClusterName(n): Digest(d) for n, d in record.good.items() if "/" not in n}
            children = any("/" in name for name in record.good)
            try:
                back = await self._recall.prepare(key, application, Past(good, digests, children))
            except Refusal as refusal:
                stop = f"; it cannot go back to {good.revision}: {refusal.message}"
                look_s = _AGAIN_S if refusal.transient else look_s
            else:
                record, alike = _as_recalled(record, back, decision.give)
                if alike:
                    stop = f"; it cannot go back to {good.revision}: {alike} is no other there"
        await self._keep(key, record, good)
        status = rollout_status(decision, rollout, stop)
        return Ration(
            choices=decision.give, everybody=Choice.KEEP, children=Choice.KEEP, back=back,
            waiting=rollout_waits(key, status, holds), waits_for=holds.waits_for, status=status, look_s=look_s,
            steps=record.step_of, added=frozenset(record.step_of.keys() - record.good.keys()),
        )  # fmt: skip

    def _seen(self, cluster: ClusterName, work: Work | None, target: str, good: str) -> Seen:
        """target, good: what it is to have, and had. With what is good something may be kept that waits for a word."""
        online = self._online(cluster)
        if work is None or work.spec.artifact is None:
            return Seen(online=online)
        has, kept = work.spec.artifact.digest, work.spec.kept
        beside = has != target and kept is not None and kept.besides == good
        return Seen(
            has=good if beside else has, ready=is_work_ready(work), online=online, failed=trouble_of(work),
            sent_s=work.spec.delivery / 1000, kept=beside,
        )  # fmt: skip

    def _seen_child(self, key: ObjectKey, body: dict[str, Any] | None) -> Seen:
        """What somebody changed of a child is no other content: it is put back at whatever step."""
        name = NamespacedName(key.namespace, key.name)
        child = self._world.applications.get(name)
        if body is None or child is None:
            return Seen()
        failed = next(
            (
                f"{c.reason}: {c.message}"
                for c in child.status.conditions
                if c.observed_generation >= child.metadata.generation
                and ((c.type == "Stalled" and c.status == "True") or (c.type == "Healthy" and c.status == "False"))
                and c.reason not in (Reason.HELD, Reason.ROLLOUT_APPROVAL)
            ),
            "",
        )
        return Seen(has=_has(body), ready=self._dependencies.is_met(name), failed=failed)

    def _good_head(self, key: NamespacedName, application: Application, prepared: Prepared) -> Head:
        """The revision that most of it has now."""
        revisions = Counter(work.spec.revision for work in self._world.works_of(key) if work.spec.state == "Present")
        status = application.status
        revision = revisions.most_common(1)[0][0] if revisions else status.revision
        commit = status.commit if revision == status.revision else CommitInfo()
        return Head(prepared.head.url, revision.rpartition(":")[2], revision, commit)

    async def _keep(self, key: NamespacedName, record: Record, good: Head) -> None:
        known = self._records.get(key)
        if known is None or kept_part(known[0]) != kept_part(record):
            body = encode_record(key, record, good)
            await self._client.apply(CONFIGMAPS, body, field_manager=HUB_MANAGER, force=True)
        self._records[key] = record, good


def _steps(rollout: Rollout, wish: Wish) -> dict[str, int]:
    """The snapshot: the first step that selects a member is its own; the one behind the last takes the others."""
    found = {}
    for name, labels in wish.labels.items():
        short = name.rpartition("/")[2]
        selectors = [step.children if "/" in name else step.clusters for step in rollout.steps]
        chosen = (at for at, each in enumerate(selectors) if each is not None and each.matches(short, dict(labels)))
        found[name] = next(chosen, len(selectors))
    return found


def _sync(application: Application, record: Record | None) -> str:
    """What a person asked for last; who asks for one object asks for no rollout."""
    request = application.spec.request
    return request.sync if not request.objects or record is None else record.sync


def _plan(rollout: Rollout) -> str:
    return _digest([step.wire() for step in rollout.steps])[:23]


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _has(body: dict[str, Any]) -> str:
    """What a child has; one that bears no mark of its root has something else than all that is wanted."""
    return content_of(body) or _digest([body.get("spec"), body["metadata"].get("uid")])


def _as_recalled(record: Record, back: Prepared, give: Mapping[str, Choice]) -> tuple[Record, str]:
    """The record with what its children go back to, as that is rendered today; and the first of them that would be just what
    failed: a template stands in the root's spec, and in no commit.
    """
    made = {child_name(child.key): content_of(child.body) for child in back.children if child.key.kind == "Application"}
    going = sorted(
        name for name, choice in give.items() if choice is Choice.GOOD and name in record.good and name in made
    )
    alike = [name for name in going if made[name] == record.target.get(name)]
    good = {**record.good, **{name: made[name] for name in going if name not in alike}}
    return (replace(record, good=good) if good != record.good else record), alike[0] if alike else ""


def _without(holds: Holds) -> Ration:
    """All at once, but for clusters that wait for a dependency; children then wait with them."""
    if not holds.clusters:
        return Ration()
    return Ration(
        choices=dict.fromkeys(holds.clusters, Choice.KEEP), children=Choice.KEEP, waiting=holds.waiting(),
        waits_for=holds.waits_for,
    )  # fmt: skip
