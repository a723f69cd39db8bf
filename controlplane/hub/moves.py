"""Moves: an Application whose objects another one takes over as they are, by `spec.movedFrom`.

Within a tenant it is enough that the new one says so, and that the old one is deleted (or says `movedTo`). Between tenants
both have to say it. Only the two Works of a cluster together let its agent do it: the old one's says movedTo, the
new one's movedFrom. Until the new one is delivered the old one waits, even where it is deleted: so nothing is pruned that
is to be taken over.
"""

from collections.abc import Collection

from controlplane.api.application import Application
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName
from controlplane.api.names import cluster_of_namespace, tenant_of_namespace
from controlplane.api.work import ApplicationRef, Work
from controlplane.hub.conditions import Reason
from controlplane.hub.dispatch import Dispatcher
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.kube.each import for_each
from controlplane.policy.gate import Permit, authorise_move, may_move

__all__ = ["Moves", "named"]


def named(text: str | None) -> NamespacedName | None:
    """`namespace/name` as a key; None for none."""
    namespace, _, name = (text or "").partition("/")
    return NamespacedName(namespace, name) if namespace and name else None


class Moves:
    """Knows who takes over from whom."""

    def __init__(self, world: World) -> None:
        self._world = world

    def agreed(self, application: Application) -> bool:
        """Whether the Application that this one takes over from lets it."""
        old = named(application.spec.moved_from)
        if old is None:
            return False
        found = self._world.applications.get(old)
        new = NamespacedName(application.metadata.namespace, application.metadata.name)
        going = found is None or found.metadata.deletion_timestamp is not None
        return may_move(old, new, moved_to=found.spec.moved_to if found is not None else None, going=going)

    def claimant(self, old: NamespacedName) -> Application | None:
        """Who takes over an Application's objects; None for nobody who may."""
        for found in self._world.applications_moved_from(str(old)):
            if found.metadata.deletion_timestamp is None and self.agreed(found):
                return found
        return None

    def check(self, key: NamespacedName, application: Application) -> None:
        """Raises Waiting where the objects are to be taken over and may not be yet, or were handed over."""
        taker = self.claimant(key) if application.spec.moved_to else None
        if taker is not None:
            at = f"{taker.metadata.namespace}/{taker.metadata.name}"
            raise Waiting(Reason.MOVED, f"its objects are {at}'s now: delete this Application")
        old = named(application.spec.moved_from)
        if old is None or self._world.works_of(key) or not self._world.works_of(old) or self.agreed(application):
            return
        other = f"Application {old} has to say movedTo: {key}"
        if old.namespace == key.namespace:
            other += ", or to be deleted"
        raise Waiting(Reason.MOVE_NOT_AGREED, f"its objects are {old}'s: {other}")

    def works_from(self, key: NamespacedName, application: Application) -> list[Work]:
        """The old one's Works on clusters where this one has none yet: it answers for what is delivered there.

        Not those of another tenant, whose agent's part keeps what this one does not want.
        """
        old = named(application.spec.moved_from)
        if old is None or old.namespace != key.namespace or not self.agreed(application):
            return []
        there = {work.metadata.namespace for work in self._world.works_of(key)}
        return [work for work in self._world.works_of(old) if work.metadata.namespace not in there]

    async def hand_over(
        self, application: Application, clusters: Collection[str], dispatcher: Dispatcher, permit: Permit
    ) -> None:
        """Let the old one's Works on these clusters say to whom their objects go, before the new one's ask for them."""
        old = named(application.spec.moved_from)
        if old is None or not self.agreed(application):
            return
        found = self._world.applications.get(old)
        new = ApplicationRef(namespace=application.metadata.namespace, name=application.metadata.name)
        moving = authorise_move(
            old, permit, moved_to=found.spec.moved_to if found is not None else None,
            going=found is None or found.metadata.deletion_timestamp is not None,
        )  # fmt: skip
        works = [
            work
            for work in self._world.works_of(old)
            if cluster_of_namespace(work.metadata.namespace) in clusters and work.spec.moved_to != new
        ]
        await for_each(works, lambda work: dispatcher.hand_over(work, new, moving))

    def hold_back(self, key: NamespacedName) -> Waiting | None:
        """Why a deleted Application's Works may not be pruned yet: who takes them over has not been delivered."""
        taker = self.claimant(key)
        application = self._world.applications.get(key)
        said = named(application.spec.moved_to) if application is not None else None
        if taker is None and said is not None and self._may_come(key, said) and not self._was_taken(key, said):
            message = (
                f"waits for Application {said} to take over its objects (movedFrom: {key}), "
                "or for spec.movedTo to be taken away: then they are pruned"
            )
            return Waiting(Reason.DELETING, message, stuck=True)
        if taker is None or taker.status.revision:
            return None
        at = f"{taker.metadata.namespace}/{taker.metadata.name}"
        return Waiting(Reason.DELETING, f"waits for Application {at} to take over its objects")

    def forsaken(self, key: NamespacedName) -> list[Work]:
        """Works whose objects nobody takes over any more, since whoever was to is deleted: they are pruned as any other."""
        return [
            work
            for work in self._world.works_of(key)
            if work.spec.moved_to is not None and self._is_gone(work.spec.moved_to)
        ]

    def _is_gone(self, reference: ApplicationRef) -> bool:
        found = self._world.applications.get(NamespacedName(reference.namespace, reference.name))
        return found is None or found.metadata.deletion_timestamp is not None

    def _may_come(self, key: NamespacedName, taker: NamespacedName) -> bool:
        """Whether there is still somebody to wait for: in a tenant that goes nobody is made any more."""
        tenant = self._world.tenant(tenant_of_namespace(key.namespace) or TenantName(""))
        going = tenant is not None and tenant.metadata.deletion_timestamp is not None
        return not (going and taker.namespace == key.namespace)

    def _was_taken(self, key: NamespacedName, by: NamespacedName) -> bool:
        """Whether the taker has been there, and may have gone since; or nothing is left that it could take.

        A Work that is being removed counts as nothing: what it said of a taker is taken back when its removal begins.
        """
        ref = ApplicationRef(namespace=by.namespace, name=by.name)
        return all(work.spec.moved_to == ref for work in self._world.works_of(key) if work.spec.state == "Present")

    def is_source(self, child: ObjectKey, takers: Collection[str] = ()) -> bool:
        """Whether a child Application is taken over within its tenant. takers: what wanted children say in movedFrom."""
        at = f"{child.namespace}/{child.name}"
        return child.kind == "Application" and (
            at in takers
            or any(found.metadata.namespace == child.namespace for found in self._world.applications_moved_from(at))
        )

    def is_there(self, child: ObjectKey) -> bool:
        """Whether who takes over a child is on the hub already, so that the child may go."""
        return any(
            found.metadata.deletion_timestamp is None
            for found in self._world.applications_moved_from(f"{child.namespace}/{child.name}")
        )
