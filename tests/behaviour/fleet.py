"""Many clusters that are only simulated: Clusters on the hub, and for each an agent that reports what a test wants to be true.

What the hub does with them is real. Each report is patched as the cluster's own ServiceAccount, as a real agent's is.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from controlplane.cli.bundle import documents
from tests.behaviour.cluster import Body, Cluster
from tests.behaviour.manifests import OURS

__all__ = ["Fleet"]

_BEAT_S = 3.0  # well below the grace time that the environment's hub is set to


class Fleet:
    """names: the clusters. had: of each the artifacts that it was given, in order, with the revision that named them."""

    def __init__(self, hub: Cluster, tenant: str, labels: Mapping[str, Mapping[str, str]]) -> None:
        """labels: name -> its labels."""
        self.names = [*labels]
        self.had: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._hub = hub
        self._tenant = tenant
        self._labels = labels
        self._trusted: frozenset[str] | None = None
        self._works: asyncio.Queue[Body] = asyncio.Queue()
        self._answered: set[tuple[str, str, int]] = set()

    def distrust_what_is_new(self) -> None:
        """From now on whatever was not there before is degraded."""
        self._trusted = frozenset(digest for had in self.had.values() for digest, _ in had)

    def trust_everything(self) -> None:
        """From now on everything is well that is delivered."""
        self._trusted = None

    def revisions(self, *names: str) -> set[str]:
        """What these clusters have ever been given."""
        return {revision for name in names for _, revision in self.had[name]}

    def now(self, *names: str) -> set[str]:
        """The artifacts that these clusters have at present."""
        return {self.had[name][-1][0] if self.had[name] else "" for name in names}

    @classmethod
    @asynccontextmanager
    async def of(cls, hub: Cluster, tenant: str, labels: Mapping[str, Mapping[str, str]]) -> AsyncIterator["Fleet"]:
        """Register the clusters and answer for them; give them up at the end."""
        fleet = cls(hub, tenant, labels)
        sides = [side for name in fleet.names for side in documents("deploy/cluster", {"cluster": name})]
        clusters = [
            {"apiVersion": OURS, "kind": "Cluster", "metadata": {"name": name, "labels": dict(each)}, "spec": {}}
            for name, each in labels.items()
        ]
        await hub.apply(*sides, *clusters)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(step()) for step in (fleet._beat, fleet._watch, *[fleet._answer] * 4)]
                try:
                    yield fleet
                finally:
                    for task in running:
                        task.cancel()
        finally:
            every = [f"clusters.controlplane.dev/{name}" for name in fleet.names]
            await hub.kubectl("annotate", "--overwrite", *every, "controlplane.dev/force-remove=true")
            await hub.kubectl(
                "delete", "--timeout=120s", *every
            )  # their Works are let go, their namespaces are deleted
            roles = [
                f"{side['kind']}/{side['metadata']['name']}" for side in sides if side["kind"].startswith("ClusterRole")
            ]
            await hub.kubectl("delete", "--ignore-not-found", *roles)

    async def _beat(self) -> None:
        """Renew the Leases, as long as they are to be online."""
        while True:
            now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            leases = [
                {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": "agent", "namespace": f"cluster-{name}"},
                    "spec": {"holderIdentity": "simulated", "renewTime": now},
                }
                for name in self.names
            ]
            await self._hub.apply(*leases)
            await asyncio.sleep(_BEAT_S)

    async def _watch(self) -> None:
        ours = {f"cluster-{name}" for name in self.names}

        def look(works: list[Body]) -> bool:
            for work in works:
                meta, spec = work["metadata"], work["spec"]
                at = (meta["namespace"], meta["name"], spec["delivery"])
                if meta["namespace"] in ours and at not in self._answered:
                    self._answered.add(at)
                    if artifact := spec.get("artifact"):
                        cluster = meta["namespace"].removeprefix("cluster-")
                        self.had[cluster].append((artifact["digest"], spec["revision"]))
                    self._works.put_nowait(work)
            return False

        labels = f"controlplane.dev/tenant={self._tenant}"
        await self._hub.until_all("the test is over", "Work", look, labels=labels, within_s=3600)

    async def _answer(self) -> None:
        while True:
            work = await self._works.get()
            meta = work["metadata"]
            user = f"system:serviceaccount:{meta['namespace']}:agent"
            await self._hub.patch_status("Work", meta["name"], meta["namespace"], self._status(work), user)

    def _status(self, work: Body) -> Body:
        spec = work["spec"]
        digest = (spec.get("artifact") or {}).get("digest", "")
        well = not digest or self._trusted is None or digest in self._trusted
        truths = {"Ready": well, "Synced": True, "Healthy": well} | (
            {"Removed": True} if spec["state"] == "Removed" else {}
        )
        problem = {"object": "Deployment.apps x/web", "reason": "Degraded", "message": "its pods crash"}
        return {
            "hub": spec["hub"],
            "delivery": spec["delivery"],
            "digest": digest,
            "revision": spec.get("revision", ""),
            "health": "Healthy" if well else "Degraded",
            "problems": [] if well else [problem],
            "conditions": [
                {
                    "type": kind,
                    "status": "True" if truth else "False",
                    "reason": "Simulated",
                    "message": "",
                    "observedGeneration": work["metadata"]["generation"],
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
                for kind, truth in truths.items()
            ],
        }
