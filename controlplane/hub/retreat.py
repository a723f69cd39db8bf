"""Retreat: what a rollout takes back, with what of it may not go without a person's word. Stands between ration and dispatch.

What a failed revision had added is its own, and goes with it, however much that is: the guard's thresholds are against
mistakes in Git, and this is the way out of one. But what holds data (a Namespace, a claim, a StatefulSet, …) stays, as it
was delivered, until somebody lets it go: it may have been written to meanwhile, and no commit brings that back.
"""

from collections.abc import Sequence
from dataclasses import replace

from controlplane.api.application import Application, Guard
from controlplane.api.keys import NamespacedName
from controlplane.api.names import cluster_of_namespace
from controlplane.api.work import Work
from controlplane.hub.children import Children
from controlplane.hub.holding import Holder
from controlplane.hub.ration import Ration

__all__ = ["Retreat"]

_PRECIOUS_ALONE = Guard(at_least=100_000, more_percent=100)


class Retreat:
    """holder: one of its own, since what it remembers is of what goes back."""

    def __init__(self, holder: Holder, children: Children) -> None:
        self._holder = holder
        self._children = children

    def forget(self, key: NamespacedName) -> None:
        """Nothing of it goes back."""
        self._holder.forget(key)

    async def look(
        self, key: NamespacedName, application: Application, ration: Ration, works: Sequence[Work]
    ) -> Ration:
        """The same ration, with what goes back judged."""
        if ration.back is None:
            self.forget(key)
            return ration
        clusters = {cluster: payload for cluster, payload in ration.back.payloads.items() if ration.returns(cluster)}
        back = replace(ration.back, payloads=clusters)
        there = [work for work in works if cluster_of_namespace(work.metadata.namespace) in clusters]
        step = ration.children_back(self._children, key)
        sync = application.spec.sync.model_copy(update={"guard": _PRECIOUS_ALONE})
        lenient = application.model_copy(update={"spec": application.spec.model_copy(update={"sync": sync})})
        retreat = await self._holder.look(key, lenient, back, there, step)
        status, kept = ration.status, retreat.waiting(key)
        if status is not None and kept is not None:  # there too: while a newer commit is refused, that is what is said
            message = "; ".join(part for part in (status.message, kept.message) if part)
            status = status.model_copy(update={"message": message[:1024]})
        return replace(ration, retreat=retreat, status=status)
