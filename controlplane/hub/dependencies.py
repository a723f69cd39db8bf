"""Dependencies: whether what an Application waits for is Ready, and who is to be woken when it is.

What counts is where the other Application stood at its own last look, and only if that look was at its newest spec and at
the newest commit that it may have to follow: of a commit that changes both, the dependent does not take the Ready of the
one before for this one's. Each look tells where it ended (`told`), and that wakes who waits: no status has to go round by
the API server, and no merge delay stands in between.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from controlplane.api.application import Application, ApplicationStatus, Dependency, WaitsFor
from controlplane.api.keys import ClusterName, NamespacedName
from controlplane.hub.children import Children
from controlplane.hub.conditions import Reason
from controlplane.hub.depend import cycle_of
from controlplane.hub.prepare import Prepared, Refusal
from controlplane.hub.select import Selector
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.render.readset import ReadSet

__all__ = ["Dependencies", "Holds", "Standing", "dependency_key", "standing_of"]

_MOST = 10  # of what a status lists


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an Application stood at the end of its last look.

    looked: the commit's id that it looked at; "" = it has none yet. clusters: those that have what it wants now, and are
    Ready with it. placed: those that it goes to. reads: what that look's content hangs on; None = not known. pinned: it
    follows no commit. message: why in full.
    """

    uid: str
    generation: int
    looked: str
    ready: bool
    why: str
    clusters: frozenset[ClusterName] = frozenset()
    placed: frozenset[ClusterName] = frozenset()
    reads: ReadSet | None = field(default=None, compare=False)
    pinned: bool = False
    message: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Holds:
    """What is not met. everywhere: nothing may go out. clusters: nothing may go to these."""

    waits_for: tuple[WaitsFor, ...] = ()
    everywhere: bool = False
    clusters: frozenset[ClusterName] = frozenset()

    def waiting(self) -> Waiting:
        """As what a look ends with."""
        told = "; ".join(_sentence(each) for each in self.waits_for[:3])
        more = f"; and {len(self.waits_for) - 3} more" if len(self.waits_for) > 3 else ""
        return Waiting(Reason.WAITING_FOR_DEPENDENCY, f"waits for {told}{more}", waits_for=self.waits_for)


def dependency_key(home: str, dependency: Dependency) -> NamespacedName:
    """Which Application is meant in a namespace."""
    return NamespacedName(dependency.namespace or home, dependency.name)


class Dependencies:
    """Answers who may go out, and wakes them. wake: looks at an Application now."""

    def __init__(
        self, world: World, children: Children, selector: Selector, wake: Callable[[NamespacedName], None]
    ) -> None:
        self._world = world
        self._children = children
        self._selector = selector
        self._wake = wake
        self._standings: dict[NamespacedName, Standing] = {}

    def told(self, key: NamespacedName, standing: Standing) -> None:
        """A look has ended like this."""
        before, self._standings[key] = self._standings.get(key), standing
        if before == standing:
            return
        for dependent in self._world.applications_after(key):
            self._wake(NamespacedName(dependent.metadata.namespace, dependent.metadata.name))

    def forget(self, key: NamespacedName) -> None:
        """The Application is gone."""
        self._standings.pop(key, None)

    def refuse_cycle(self, key: NamespacedName, application: Application) -> None:
        """Raises Refusal where it waits for itself, by way of whoever it may be."""
        if not application.spec.depends_on:
            return
        way = cycle_of(key, self._awaited)
        if way:
            names = " -> ".join(each.name if each.namespace == key.namespace else str(each) for each in way)
            raise Refusal("DependencyCycle", f"{names}: each waits for the next one, so none of them ever goes out")

    def _awaited(self, key: NamespacedName) -> Iterator[NamespacedName]:
        """Whom an Application waits for: its dependencies, and a root for its children."""
        application = self._world.applications.get(key)
        if application is not None:
            for dependency in application.spec.depends_on:
                yield dependency_key(key.namespace, dependency)
        for child in self._children.of(key):
            if child.kind == "Application":
                yield NamespacedName(child.namespace, child.name)

    def check(self, key: NamespacedName, application: Application, clusters: Collection[ClusterName]) -> Holds:
        """What keeps a change from these clusters. Of an Application that goes to none, each dependency is as a whole."""
        waits_for: list[WaitsFor] = []
        everywhere, held = False, set[ClusterName]()
        for dependency in application.spec.depends_on:
            other = dependency_key(key.namespace, dependency)
            if dependency.on == "SameCluster" and clusters:
                behind, why = self._behind(other, clusters)
                if behind:
                    held |= behind
                    first = tuple(sorted(behind))[:_MOST]
                    waits_for.append(WaitsFor(application=str(other)[:320], clusters=first, why=why[:512]))
            elif why := self._unmet(other):
                everywhere = True
                waits_for.append(WaitsFor(application=str(other)[:320], why=why[:512]))
        return Holds(tuple(waits_for[:_MOST]), everywhere, frozenset(held))

    def is_met(self, key: NamespacedName) -> bool:
        """Whether an Application is Ready, as of its newest spec and commit."""
        return not self._unmet(key)

    def why_not(self, key: NamespacedName) -> str:
        """Why an Application does not count as Ready, with reason and message as its own status has them; "" = it does."""
        why, standing = self._current(key)
        return why if standing is None else "" if standing.ready else standing.message or standing.why

    def _unmet(self, other: NamespacedName) -> str:
        """Why it does not count as Ready; "" = it is."""
        why, standing = self._current(other)
        return why if standing is None else "" if standing.ready else standing.why

    def _behind(self, other: NamespacedName, clusters: Iterable[ClusterName]) -> tuple[set[ClusterName], str]:
        why, standing = self._current(other)
        if standing is None:
            return set(clusters), why
        behind = set(clusters) - standing.clusters
        nowhere = sorted(behind - standing.placed)
        if nowhere:
            return behind, f"it does not go to {', '.join(nowhere[:5])}"
        return behind, standing.why or "it is not Ready there"

    def _current(self, other: NamespacedName) -> tuple[str, Standing | None]:
        """Where it stands as of its newest spec and commit; else why that is not known."""
        application = self._world.applications.get(other)
        if application is None:
            return "there is no such Application", None
        if application.metadata.deletion_timestamp is not None:
            return "it is being deleted", None
        standing, meta = self._standings.get(other), application.metadata
        if standing is None or (standing.uid, standing.generation) != (meta.uid, meta.generation):
            return "its newest spec has not been looked at yet", None
        head = self._selector.attempted(other, application)
        if head is None or head.sha == standing.looked or standing.pinned:
            return "", standing
        # by what that look read, and not by what is prepared for the next one, which may not have ended yet
        if standing.reads is None or not self._selector.is_same(other, application, standing.reads):
            return f"{head.revision[:320]} has not been looked at there yet", None
        return "", standing


def standing_of(
    application: Application, status: ApplicationStatus, prepared: Prepared | None, looked: str,
    clusters: frozenset[ClusterName], *, pinned: bool,
) -> Standing:  # fmt: skip
    """The standing that a look amounts to. prepared: what it was to deliver, where it came to that."""
    ready = next((each for each in status.conditions if each.type == "Ready"), None)
    is_ready = ready is not None and ready.status == "True"
    why = "" if is_ready else f"Ready {ready.status}: {ready.reason}" if ready is not None else "nothing is known of it"
    message = f"{ready.reason}: {ready.message}" if ready is not None and not is_ready else ""
    meta = application.metadata
    placed = frozenset(prepared.payloads) if prepared is not None else frozenset()
    reads = prepared.reads if prepared is not None else None
    return Standing(meta.uid, meta.generation, looked, is_ready, why, clusters, placed, reads, pinned, message)


def _sentence(waits: WaitsFor) -> str:
    where = f" on {', '.join(waits.clusters[:3])}" + (" …" if len(waits.clusters) > 3 else "") if waits.clusters else ""
    return f"{waits.application}{where} ({waits.why})"
