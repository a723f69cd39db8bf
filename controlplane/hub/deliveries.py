"""Deliveries: from one look at an Application to its history. Pure functions, and level-based.

What is recorded is compared with what is delivered, so looking again adds nothing, and a hub that ended in the middle of a
delivery finds it as it left it, or records it then: when it began is told by its Works.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from controlplane.api.application import Application
from controlplane.api.control import holds
from controlplane.api.history import Asked, Delivery, Kept, matching
from controlplane.api.keys import ClusterName, Digest
from controlplane.api.rollout import RolloutStatus
from controlplane.api.work import Work
from controlplane.hub.report import Outcome
from controlplane.hub.rollup import Rollup, asked_digest, present_works
from controlplane.hub.sources import Head

__all__ = ["MOST_BYTES", "Look", "asked", "look_of", "recorded"]

MOST_BYTES = 256 * 1024  # of one history; a fleet of some hundred clusters under each of fifty deliveries fits
_MOST_CLUSTERS = 500  # that one artifact of a delivery names; what others got is told by clusters that are like them
_MOST_ARTIFACTS = 100


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at an Application found.

    delivered: the revision that went out or stands, or goes out bit by bit; None = it waits, or was refused.
    whole: all of it is out. digests: what the Works deliver of it; bit by bit, of those clusters that have it.
    began: when each Work was written, in milliseconds since 1970. ready, degraded: of all that is delivered.
    refused: a commit that does not go out, with reason and message, where no retry helps.
    by, asked: who asked for it, and how. rollout: how far a rollout is, if there is one.
    """

    now: datetime
    delivered: Head | None = None
    whole: bool = True
    digests: Mapping[ClusterName, Digest] | None = None
    began: Mapping[ClusterName, int] | None = None
    children: int = 0
    ready: bool = False
    degraded: bool = False
    message: str = ""
    refused: Head | None = None
    reason: str = ""
    by: str = ""
    asked: Asked = ""
    rollout: RolloutStatus | None = None


def asked(application: Application, now: datetime) -> tuple[str, Asked]:
    """Who asked for what goes out now, and how; "" = nobody, Git did."""
    spec, before = application.spec, application.status.request
    if spec.pin is not None and holds(spec.pin, now):
        return spec.pin.by, "pin"
    if spec.request.approve and spec.request.approve != before.approve:
        return spec.request.by, "approve"
    if spec.request.sync and spec.request.sync != before.sync and not spec.request.objects:
        return spec.request.by, "sync"  # who asks for single objects lets no commit out
    return "", ""


def look_of(
    application: Application, all_works: Iterable[Work], rolled: Rollup, outcome: Outcome, now: datetime,
    going: Head | None = None,
) -> Look:  # fmt: skip
    """What is to be recorded of one look. all_works: the Application's, as they are now. going: what was prepared."""
    refusal = outcome.refusal
    lasting = refusal is not None and not refusal.transient and outcome.pin is None
    by, how = asked(application, now)
    works = {cluster: work for cluster, work in present_works(all_works).items() if work.spec.artifact is not None}
    unwell, stuck = rolled.verdict.healthy[0] == "False", bool(rolled.verdict.stalled)
    delivered = outcome.delivered
    if delivered is None and outcome.begun and going is not None:
        have = {cluster: work for cluster, work in works.items() if work.spec.revision == going.revision}
        if have or not works:
            delivered, works = going, have
    said = rolled.verdict.ready[2] if stuck else ""
    return Look(
        now=now,
        delivered=delivered,
        whole=delivered is None or outcome.delivered is not None,
        digests={cluster: Digest(asked_digest(work)) for cluster, work in works.items()},
        began={c: work.spec.delivery for c, work in works.items()},
        children=rolled.children.total,
        ready=rolled.verdict.ready[0] == "True",
        degraded=unwell or stuck,
        message=refusal.message if lasting and refusal is not None else rolled.verdict.healthy[2] or said,
        refused=outcome.attempted if lasting else None,
        reason=refusal.reason if lasting and refusal is not None else "",
        by=by,
        asked=how,
        rollout=outcome.rollout,
    )


def recorded(before: Sequence[Delivery], look: Look, limit: int, pinned: str = "") -> tuple[Delivery, ...]:
    """The history after a look, newest first.

    limit: how many deliveries stay, and as many refusals. pinned: spec.pin.revision; what it means is never dropped.
    """
    entries = list(before)
    if look.delivered is not None:
        entries = _with_delivered(entries, look, look.delivered)
    elif look.refused is not None:
        entries = _with_refused(entries, look, look.refused)
    at = next((place for place, each in enumerate(entries) if each.outcome != "Refused"), None)
    if at is not None:
        entries[at] = _judged(entries[at], look)
    return _bounded(entries, limit, pinned)


def _with_delivered(entries: list[Delivery], look: Look, head: Head) -> list[Delivery]:
    at = next((place for place, each in enumerate(entries) if each.outcome != "Refused"), None)
    digests = look.digests or {}
    current = entries[at] if at is not None else None
    if current is not None and at is not None and current.revision == head.revision and _agree(current, digests):
        entries[at] = _gone_on(current, look)
        return entries
    if current is not None and at is not None:
        entries[at] = _ended(current, head, look)
    new = Delivery(
        revision=head.revision,
        commit=head.commit,
        url=head.url,
        by=look.by,
        asked=look.asked,
        started=_text(_started(current, look)),
        artifacts=_kept(digests),
        clusters=len(digests),
        children=look.children,
    )
    # what was refused and goes out after all was no delivery of its own
    return [new, *(each for each in entries if each.outcome != "Refused" or each.revision != head.revision)]


def _gone_on(current: Delivery, look: Look) -> Delivery:
    """The same delivery, on more clusters by now, or let go on by somebody."""
    digests, update = look.digests or {}, dict[str, object]()
    if look.whole or len(digests) >= current.clusters:  # while it is taken back there are fewer and fewer
        update |= {"artifacts": _kept(digests), "clusters": len(digests), "children": look.children}
    if look.asked == "approve" and not current.asked:
        update |= {"by": look.by, "asked": look.asked}
    if current.outcome == "RolledBack" and not _taken_back(current, look):
        update["outcome"] = "Progressing"  # it is tried again
    return current.model_copy(update=update)


def _taken_back(current: Delivery, look: Look) -> bool:
    rollout = look.rollout
    return (
        rollout is not None and rollout.revision == current.revision and rollout.phase in ("RollingBack", "RolledBack")
    )


def _ended(current: Delivery, head: Head, look: Look) -> Delivery:
    """What became of a delivery that another one follows."""
    if look.asked == "pin" and current.revision != head.revision:
        return current.model_copy(update={"outcome": "RolledBack"})
    return current.model_copy(update={"outcome": "Superseded"}) if current.outcome == "Progressing" else current


def _with_refused(entries: list[Delivery], look: Look, head: Head) -> list[Delivery]:
    message = look.message[:512]
    if (
        entries
        and entries[0].outcome == "Refused"
        and (entries[0].reason, entries[0].message) == (look.reason, message)
    ):
        return entries  # a commit elsewhere in the repository is refused for the same
    new = Delivery(
        revision=head.revision, commit=head.commit, url=head.url, started=_text(look.now), outcome="Refused",
        reason=look.reason, message=message,
    )  # fmt: skip
    return [new, *entries]


def _judged(current: Delivery, look: Look) -> Delivery:
    """The newest delivery, with what has become of it. Once Ready it stays that: what follows is no matter of delivery."""
    rollout = look.rollout
    if current.outcome not in ("Progressing", "Degraded"):
        return current
    if rollout is not None and rollout.revision == current.revision:
        if _taken_back(current, look):
            return current.model_copy(update={"outcome": "RolledBack", "message": rollout.message[:512]})
        if rollout.phase == "Halted":
            return current.model_copy(update={"outcome": "Degraded", "message": rollout.message[:512]})
    if not _agree(current, look.digests or {}):
        return current
    if look.ready and look.whole and len(look.digests or {}) == current.clusters:
        took = max(0, round((look.now - datetime.fromisoformat(current.started)).total_seconds() * 1000))
        return current.model_copy(update={"outcome": "Ready", "ready_after_ms": took, "message": ""})
    if look.degraded:
        return current.model_copy(update={"outcome": "Degraded", "message": look.message[:512]})
    return current.model_copy(update={"outcome": "Progressing", "message": ""})


def _agree(current: Delivery, digests: Mapping[ClusterName, Digest]) -> bool:
    """Whether each cluster that both know has the same."""
    known = {cluster: kept.digest for kept in current.artifacts for cluster in kept.clusters}
    return all(known.get(cluster, digest) == digest for cluster, digest in digests.items())


def _kept(digests: Mapping[ClusterName, Digest]) -> tuple[Kept, ...]:
    clusters: defaultdict[Digest, list[ClusterName]] = defaultdict(list)
    for cluster, digest in sorted(digests.items()):
        clusters[digest].append(cluster)
    share = max(1, _MOST_CLUSTERS // max(1, min(len(clusters), _MOST_ARTIFACTS)))
    return tuple(Kept(digest=d, clusters=tuple(names[:share])) for d, names in list(clusters.items())[:_MOST_ARTIFACTS])


def _started(current: Delivery | None, look: Look) -> datetime:
    """When the first Work of this delivery was written, as Works tell; now, where they tell nothing."""
    known = {cluster: kept.digest for kept in current.artifacts for cluster in kept.clusters} if current else {}
    new = [at for cluster, at in (look.began or {}).items() if known.get(cluster) != (look.digests or {}).get(cluster)]
    began = datetime.fromtimestamp(min(new) / 1000, UTC) if new else look.now
    return min(began, look.now)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bounded(entries: Sequence[Delivery], limit: int, pinned: str) -> tuple[Delivery, ...]:
    safe = {id(each) for each in matching(entries, pinned)} if pinned else set()
    left = {True: limit, False: limit}  # refusals do not push out what one could go back to
    kept = []
    for each in entries:
        refused = each.outcome == "Refused"
        if left[refused] > 0 or id(each) in safe:
            kept.append(each)
            left[refused] -= 1
    size = 0
    fitting: list[Delivery] = []
    for each in kept:
        size += len(orjson.dumps(each.wire()))
        if size <= MOST_BYTES or id(each) in safe or not fitting:
            fitting.append(each)
    return tuple(fitting)
