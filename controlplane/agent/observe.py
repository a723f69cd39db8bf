"""What the watches show becomes keys in queues: an owner to reconcile, a Work to report. Nothing here awaits.

In the way of the data this is where the cluster speaks: drift, deletions, health, namespaces that come and go, kinds that
appear. Every event costs a comparison; only one that changed something of ours costs more.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from controlplane.agent.contest import Contests
from controlplane.agent.drift import EXPIRED, ONCE, Verdict, expires, judge
from controlplane.agent.inventory import Inventory
from controlplane.agent.live import Live, Seen, look
from controlplane.agent.metrics import Drifts
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.overwrite import Overwrite
from controlplane.agent.replicas import AUTOSCALER, Autoscalers
from controlplane.agent.works import Works
from controlplane.api.keys import ObjectKey, key_of
from controlplane.health.status import HealthStatus
from controlplane.kube.discovery import Discovery
from controlplane.kube.request import Body
from controlplane.kube.watch import Event

__all__ = ["Observations"]

_log = logging.getLogger(__name__)
_HELD_S = 2.0  # how long finalizers may take before it is told whose they are
_PASSING_S = 1.0  # how long health that is on its way waits to be told: mostly it is overtaken by its end
_KIND_NEWS_S = 60.0  # how long after a change of CRDs an unknown kind is asked for eagerly


class Observations:
    """The Observer of all watches.

    wake: an owner is to be reconciled, report: a Work may have to be reported; both after seconds. clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        inventory: Inventory,
        live: Live,
        namespaces: Namespaces,
        autoscalers: Autoscalers,
        contests: Contests,
        works: Works,
        discovery: Discovery,
        wake: Callable[[str, float], None],
        report: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
        drifts: Drifts | None = None,
    ) -> None:
        self._drifts = drifts or Drifts(clock)
        self._inventory = inventory
        self._live = live
        self._namespaces = namespaces
        self._autoscalers = autoscalers
        self._contests = contests
        self._works = works
        self._discovery = discovery
        self._wake = wake
        self._report = report
        self._clock = clock
        self._kind_news_at = float("-inf")

    def on_object(self, event: Event, *, whole: bool) -> None:
        """An object of a delivered kind, a namespace, or an autoscaler."""
        body = event.object
        key = key_of(body)
        self._take_facts(event, key)
        owner = self._inventory.owner_of(key)
        if event.type == "DELETED":
            known, uid = self._live.get(key), body["metadata"].get("uid")
            if known is not None and known.uid and uid and known.uid != uid and not known.gone:
                return  # the end of one that has been replaced since, by our own apply
            if owner is None or not self._expired(owner, key, body):
                self._gone(key, owner, body, whole=whole)
            return
        seen = look(body, owner, whole=whole, judge=self._works.judge(owner))
        if not seen.owner and owner is None:
            return  # a namespace or an autoscaler that is nobody's of ours
        before = self._live.get(key)
        if not self._live.saw(key, seen):
            return
        if owner is not None:
            self._compare(owner, key, seen, before, Overwrite(seen.culprit, body=body, whole=whole))
            if before is None or (before.health, before.terminating) != (seen.health, seen.terminating):
                passing = seen.health.status is HealthStatus.PROGRESSING  # every write of a Deployment is, for a moment
                self._report(owner, _PASSING_S if passing else 0.0)
            if seen.health.recheck_s is not None:
                self._wake(owner, seen.health.recheck_s)
            if key in (course := self._works.course(owner)).awaited and _moved(before, seen):
                course.stirred = True
                self._wake(owner, 0.0)
            if seen.terminating and key in course.deleting:
                self._wake(owner, _HELD_S)
        if before is not None and before.owner != seen.owner:
            self._wake_troubled(lambda fault_key: fault_key == key)

    def there(self, group: str, kind: str, namespace: str) -> Iterable[tuple[str, str, str]]:
        """What was seen of a kind and has not gone since, as far as is known."""
        return [(key.namespace, key.name, uid) for key, uid in self._live.there(group, kind, namespace) if uid]

    def on_kind(self, event: Event) -> None:
        """A CRD changed: kinds that nobody knew may be served now."""
        self._kinds_changed(event.object["metadata"]["name"].partition(".")[2])

    def on_kind_gone(self, group: str, kind: str) -> None:
        """A kind is no longer served, so none of its objects is there."""
        self._discovery.invalidate()
        for owner, record in self._inventory.records.items():
            for key in [k for k in record.entries if (k.group, k.kind) == (group, kind)]:
                self._gone(key, owner)

    def on_namespace_gone(self, name: str) -> None:
        """A namespace is gone, and with it the leave to see what stood there: none of its objects is there."""
        for owner, record in self._inventory.records.items():
            for key in [k for k in record.entries if k.namespace == name]:
                known = self._live.get(key)
                if known is None or not known.gone:
                    self._gone(key, owner)

    def on_refused(self, group: str, kind: str, namespace: str) -> None:
        """A kind can no longer be watched in a namespace: its owners are to say so."""
        for owner, record in self._inventory.records.items():
            if any((k.group, k.kind, k.namespace) == (group, kind, namespace) for k in record.entries):
                self._wake(owner, 0.0)

    @property
    def kinds_in_motion(self) -> bool:
        """Whether kinds changed of late: discovery follows a CRD after a moment only."""
        return self._clock() - self._kind_news_at < _KIND_NEWS_S

    def _take_facts(self, event: Event, key: ObjectKey) -> None:
        match key.group, key.kind:
            case "", "Namespace":
                if event.type == "DELETED":
                    self._namespaces.gone(key.name)
                elif not self._namespaces.saw(event.object):
                    return
                self._wake_troubled(lambda k: k.namespace == key.name or k == key, news=True)
                self._wake_grounds()
            case group, kind if (group, kind) == AUTOSCALER:
                if event.type == "DELETED":
                    target = self._autoscalers.gone(key.namespace, key.name)
                else:
                    target = self._autoscalers.saw(event.object)
                if target is not None and (owner := self._inventory.owner_of(target)) is not None:
                    self._wake(owner, 0.0)
            case "apiextensions.k8s.io", "CustomResourceDefinition":
                self._kinds_changed(key.name.partition(".")[2])

    def _gone(self, key: ObjectKey, owner: str | None, body: Body | None = None, *, whole: bool = True) -> None:
        known = self._live.get(key)
        if owner is None:
            self._live.forget(key)
        else:
            version = known.version + 1 if known is not None else 0
            entry = self._inventory.records[owner].entries.get(key)
            once = entry is not None and entry.print == ONCE
            # the last look at a hook tells how it ended
            last = look(body, owner, whole=whole) if once and body is not None else Seen()
            self._live.saw(key, replace(last, version=version, gone=True))
            course = self._works.course(owner)
            if not once and key not in course.deleting and key not in course.writing:
                self._drifted(owner, key, Overwrite(deleted=True), "deleted")
            self._wake(owner, self._contests.wait_s(key))
        self._wake_troubled(lambda fault_key: fault_key == key)

    def _expired(self, owner: str, key: ObjectKey, body: Body) -> bool:
        """A Job that is done and was to go after that has gone its way: applied again, it would run again."""
        if (key.group, key.kind) != ("batch", "Job") or not expires(body):
            return False
        record = self._inventory.records[owner]
        entry, known = record.entries.get(key), self._live.get(key)
        if entry is None or entry.print == ONCE or key in self._works.course(owner).deleting:
            return False
        self._inventory.applied(record, key, replace(entry, print=EXPIRED))
        self._live.saw(key, Seen(version=known.version + 1 if known else 0, gone=True))
        self._report(owner, 0.0)
        return True

    def _compare(self, owner: str, key: ObjectKey, seen: Seen, before: Seen | None, write: Overwrite) -> None:
        entry = self._inventory.records[owner].entries.get(key)
        course = self._works.course(owner)
        if entry is None or key in course.writing:
            return  # our own write is under way: the look that counts comes with its answer, or after it
        replied = course.replied.get(key)
        now = self._clock()
        match judge(entry, seen, replied, now, before):
            case Verdict.DRIFTED:
                self._drifted(owner, key, write, seen.fields)
                self._wake(owner, self._contests.wait_s(key))
            case Verdict.SUSPECT if key not in course.again:
                course.again.add(key)
                self._wake(owner, 1.1)
            case Verdict.SAME if key in course.drifted:
                del course.drifted[key]  # it came back by itself
                self._report(owner, 0.0)

    def _drifted(self, owner: str, key: ObjectKey, write: Overwrite, left: str) -> None:
        """A foreign write, or another look at what it left. left: hash of what is left of our entry."""
        course = self._works.course(owner)
        known = course.drifted.get(key)
        if known is not None and known.deleted == write.deleted:
            course.drifted[key] = replace(known, body=write.body, whole=write.whole)
            return
        course.drifted[key] = replace(write, time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if known is None:
            self._contests.overwritten(key, write.manager, left)
            record = self._inventory.records[owner]
            self._drifts.seen(record.tenant, key)
            about = {"application": str(record.application), "object": str(key), "manager": write.manager}
            _log.info("drift", extra=about | {"owner": owner})

    def _kinds_changed(self, group: str) -> None:
        self._discovery.invalidate()
        self._kind_news_at = self._clock()
        self._wake_troubled(lambda key: key.group == group, news=True)

    def _wake_troubled(self, about: Callable[[ObjectKey], bool], *, news: bool = False) -> None:
        """Wake the owners that have a fault about such an object; with news also those that are judging just now."""
        for owner, course in self._works.courses.items():
            if news and course.running:
                self._wake(owner, 0.0)
            elif (course.faults or course.fresh) and course.troubled_by(about):  # few have any: the common way is short
                self._wake(owner, 0.0)

    def _wake_grounds(self) -> None:
        """A glob in a tenant's ground may fit a namespace that came, or that was given to the tenant."""
        for owner, desired in self._works.desired.items():
            ground = desired.spec.ground
            if ground is not None and any("*" in n.name or "?" in n.name or "[" in n.name for n in ground.namespaces):
                self._wake(owner, 0.0)


def _moved(before: Seen | None, seen: Seen) -> bool:
    """Whether what somebody waits for may have happened: counts on the way there are not told."""
    if before is None:
        return True
    return (before.health.status, before.busy, before.terminating) != (seen.health.status, seen.busy, seen.terminating)
