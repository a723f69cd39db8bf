"""Many clusters that are only simulated: Clusters on the hub, and for each an agent that reports what a test wants to be true.

What the hub does with them is real. Each report is patched as the cluster's own ServiceAccount, as a real agent's is.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from controlplane.cli.bundle import documents
from tests.behaviour.cluster import Body, Cluster, condition
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
        self._trusted: frozenset[str] | None = None
        self._silent: dict[str, list[Body]] = {}  # -> what it has not answered
        self._sides: list[Body] = []
        self._works: asyncio.Queue[Body] = asyncio.Queue()
        self._answered: set[tuple[str, str, int]] = set()

    def distrust_what_is_new(self) -> None:
        """From now on whatever was not there before is degraded."""
        self._trusted = frozenset(digest for had in self.had.values() for digest, _ in had)

    def trust_everything(self) -> None:
        """From now on everything is well that is delivered."""
        self._trusted = None

    async def join(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Register more clusters. labels: name -> its labels."""
        sides = [side for name in labels for side in documents("deploy/cluster", {"cluster": name})]
        clusters = [
            {"apiVersion": OURS, "kind": "Cluster", "metadata": {"name": name, "labels": dict(each)}, "spec": {}}
            for name, each in labels.items()
        ]
        self.names += [name for name in labels if name not in self.names]
        self._sides += sides
        await self._hub.apply(*sides, *clusters)

    async def silence(self, name: str) -> None:
        """One is not heard of any more; returns when the hub has noticed."""
        self._silent[name] = []
        await self._hub.until(
            "the hub hears nothing of it", "Cluster", name,
            lambda body: body and condition(body, "Ready").reason == "AgentOffline",
        )  # fmt: skip

    def speak(self, name: str) -> None:
        """It is there again, and answers what it was given last."""
        for work in self._silent.pop(name)[-1:]:
            self._works.put_nowait(work)

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
        await fleet.join(labels)
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
                f"{side['kind']}/{side['metadata']['name']}"
                for side in fleet._sides
                if side["kind"].startswith("ClusterRole")
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
                if name not in self._silent
            ]
            await self._hub.apply(*leases)
            await asyncio.sleep(_BEAT_S)

    async def _watch(self) -> None:
        def look(works: list[Body]) -> bool:
            for work in works:
                meta, spec = work["metadata"], work["spec"]
                at = (meta["namespace"], meta["name"], spec["delivery"])
                if meta["namespace"].removeprefix("cluster-") in self.names and at not in self._answered:
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
            unanswered = self._silent.get(meta["namespace"].removeprefix("cluster-"))
            if unanswered is not None:
                unanswered.append(work)
                continue
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
