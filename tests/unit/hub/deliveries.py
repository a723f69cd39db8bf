"""A hub without a network, from a commit to Works, and agents that do as their Works say: what a sequence of them deletes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from controlplane.api.application import Application, Held
from controlplane.api.keys import ClusterName, Digest, NamespacedName, ObjectKey, TenantName
from controlplane.api.labels import ANNOTATION_CLUSTER_LABELS
from controlplane.api.model import CommitInfo
from controlplane.api.names import cluster_namespace, cluster_of_namespace, work_name
from controlplane.api.tree import Tree
from controlplane.api.work import Work
from controlplane.artifact.codec import keys_of
from controlplane.artifact.store import FolderStore
from controlplane.hub.children import ChildPlan, Children
from controlplane.hub.delivered import Delivered
from controlplane.hub.dispatch import application_spec, labels_hash, plan
from controlplane.hub.family import Family
from controlplane.hub.guard import PRECIOUS
from controlplane.hub.holding import Holder, Holding
from controlplane.hub.moves import Moves
from controlplane.hub.policies import Policies
from controlplane.hub.prepare import Prepared
from controlplane.hub.retreat import Retreat
from controlplane.hub.select import Selector
from controlplane.hub.settings import Settings
from controlplane.hub.sources import Head, Sources
from controlplane.hub.world import World
from controlplane.source.tree import MemoryTree
from tests.unit.hub.objects import application_body

__all__ = ["PAYMENTS", "WEB", "Deliveries", "manifest"]

PAYMENTS = TenantName("payments")
WEB = NamespacedName("tenant-payments", "web")
TEAM = NamespacedName("tenant-payments", "team")
URL = "https://git.example.com/payments/deploy.git"
Files = Mapping[str, str]


def manifest(name: str, value: int = 1, annotations: str = "") -> str:
    """A ConfigMap; one whose name begins with `data` is a PersistentVolumeClaim."""
    if name.startswith("data"):
        return (
            f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}{annotations}}}\n"
            "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
        )
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{annotations}}}\ndata: {{x: '{value}'}}\n"


class _Commits:
    """Stands for Sources."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.trees: dict[str, Tree] = {}
        self.forgotten: set[str] = set()

    def commit(self, files: Files, allow: tuple[str, ...] = ()) -> None:
        sha = f"{len(self.heads) + 1:040x}"
        self.trees[sha] = MemoryTree(files)
        self.heads.append(Head(URL, sha, f"main@sha1:{sha}", CommitInfo(allow_removal=allow)))

    def find(self, _: str, name: str, __: TenantName) -> NamespacedName | None:
        return TEAM

    def head(self, _: NamespacedName) -> Head | None:
        return self.heads[-1]

    def tree(self, _: NamespacedName, sha: str) -> Tree | None:
        return None if sha in self.forgotten else self.trees.get(sha)

    async def past(self, key: NamespacedName, sha: str) -> Tree | None:
        return self.tree(key, sha)

    def tried(self, _: NamespacedName) -> bool:
        return True


class _NoChildren:
    """Stands for the inventories of roots: there are none."""

    def ancestors(self, _: NamespacedName) -> list[NamespacedName]:
        return []

    def of(self, _: NamespacedName) -> dict[ObjectKey, str]:
        return {}

    def live(self, _: NamespacedName, __: object) -> dict[ObjectKey, Any]:
        return {}


class Deliveries:
    """One Application of one tenant on two clusters. there: what each agent has delivered; deleted: what each deleted."""

    def __init__(self, store: FolderStore, folder: Path) -> None:
        self.store, self._folder = store, folder
        self.world, self.policies, self.commits = World(), Policies(), _Commits()
        self.there: dict[ClusterName, set[ObjectKey]] = {}
        self.deleted: list[tuple[ClusterName, ObjectKey]] = []
        self.held: Held | None = None
        self._version = 0
        self._spec: dict[str, Any] = {"placement": {"namespace": "payments"}}
        self.tenant(clusters={"matchLabels": {"env": "prod"}})
        self.world.repositories.put({"metadata": {"name": "team", "namespace": TEAM.namespace}, "spec": {"url": URL}})
        for name in ("east", "west"):
            self.cluster(name, env="prod")
        self.spec()
        self.restart()

    def restart(self) -> None:
        """The hub begins anew: nothing but the world, the store and Git is left."""
        inventories = cast(Children, _NoChildren())
        self._selector = Selector(
            self.world, cast(Sources, self.commits), self.policies, self.store, inventories, Settings(self._folder)
        )
        moves, delivered = Moves(self.world), Delivered(self.store)
        family = Family(self.world, inventories, delivered, moves)
        self._holder = Holder(self.world, self._selector, self.store, delivered, family, moves)
        going_back = Holder(self.world, self._selector, self.store, delivered, family, moves, PRECIOUS)
        self.retreat = Retreat(going_back, inventories)

    # -- what people do

    def tenant(self, **spec: Any) -> None:
        """The Tenant as the platform writes it."""
        wanted = {
            "sources": [{"url": "https://git.example.com/payments/**"}], "namespaces": [{"name": "payments"}], **spec,
        }  # fmt: skip
        body = {"metadata": {"name": PAYMENTS, "uid": "t", "resourceVersion": self._next()}, "spec": wanted}
        self.policies.tenant(self.world.tenants.put(body))

    def cluster(self, name: str, **labels: str) -> None:
        """A Cluster with these labels."""
        body = {"metadata": {"name": name, "uid": name, "labels": labels, "resourceVersion": self._next()}, "spec": {}}
        self.policies.cluster(self.world.clusters.put(body))

    def spec(self, **spec: Any) -> None:
        """Change the Application's spec."""
        self._spec |= spec
        body = application_body(version=int(self._next()), **self._spec)
        body["spec"]["source"]["path"] = "web"
        self.world.applications.put(body)

    def commit(self, names: Mapping[str, int], *allow: str, annotations: str = "") -> None:
        """A commit whose folder has exactly these objects: name -> value."""
        files = {f"web/{name}.yaml": manifest(name, value, annotations) for name, value in names.items()}
        self.commits.commit({"web/README.md": "", **files}, allow)

    def approve(self, token: str) -> None:
        """cpctl app approve."""
        self.spec(request={"approve": token})

    # -- what the hub and the agents do

    async def prepare(self) -> Prepared:
        """What the newest commit delivers."""
        return await self._selector.select(WEB, self.application)

    async def look(self) -> Holding:
        """One look at the Application, as its reconcile does it."""
        application = self.application
        works = self.world.works_of(WEB)
        prepared = await self.prepare()
        holding = await self._holder.look(WEB, application, prepared, works, ChildPlan((), ()))
        wanted = {
            cluster: holding.fit(cluster, application_spec(application, PAYMENTS, payload, prepared.head.revision, "h"))
            for cluster, payload in holding.payloads.items()
        }
        moving = [w for w in works if cluster_of_namespace(w.metadata.namespace) not in holding.stays]
        step = plan(wanted, moving, self.world.joined())
        for cluster, spec in step.write.items():
            assert spec.artifact is not None
            assert holding.permit_for(cluster).covers(cluster, Digest(spec.artifact.digest))
            found = self.world.cluster(cluster)
            assert found is not None
            self._put(cluster, spec.wire(), labels_hash(found.metadata.labels))
        for work in step.remove:
            self._put(
                cluster_of_namespace(work.metadata.namespace) or ClusterName(""),
                work.spec.model_copy(update={"state": "Removed"}).wire(),
                work.metadata.annotations[ANNOTATION_CLUSTER_LABELS],
            )
        self.held = holding.stop
        return holding

    async def agent(self, name: str) -> None:
        """An agent brings its cluster to what its Work says now; it may have missed any number of them."""
        cluster = ClusterName(name)
        work = self.work(name)
        if work is None:
            return
        wanted = await self.keys(work) if work.spec.state == "Present" else frozenset[ObjectKey]()
        have = self.there.setdefault(cluster, set())
        if work.spec.options.prune:
            self.deleted += [(cluster, key) for key in sorted(have - wanted)]
            have &= wanted
        have |= wanted
        if work.spec.state == "Removed":
            self.world.works.drop(NamespacedName(work.metadata.namespace, work.metadata.name))

    # -- what is to be seen

    @property
    def application(self) -> Application:
        """The Application as it is now."""
        found = self.world.applications.get(WEB)
        assert found is not None
        return found

    def work(self, cluster: str) -> Work | None:
        """A cluster's Work."""
        return self.world.works.get(NamespacedName(cluster_namespace(ClusterName(cluster)), work_name(WEB)))

    async def keys(self, work: Work) -> frozenset[ObjectKey]:
        """What a Work delivers: an agent that has an artifact keeps it, whatever the hub's store has lost."""
        assert work.spec.artifact is not None
        digest = Digest(work.spec.artifact.digest)
        if digest not in self._kept:
            self._kept[digest] = keys_of(await self.store.get(digest), digest)
        return self._kept[digest]

    _kept: dict[Digest, frozenset[ObjectKey]] = {}

    async def names(self, cluster: str) -> set[str]:
        """The names of what a cluster's Work delivers; none where it is to go."""
        work = self.work(cluster)
        return {key.name for key in await self.keys(work)} if work and work.spec.state == "Present" else set()

    async def lose_store(self) -> None:
        """The hub's store is lost; what agents have stays theirs."""
        for work in self.world.works_of(WEB):
            await self.keys(work)
        for digest in await self.store.digests():
            await self.store.delete(digest)

    def _put(self, cluster: ClusterName, spec: dict[str, Any], labels: str) -> None:
        meta = {
            "name": work_name(WEB), "namespace": cluster_namespace(cluster), "resourceVersion": self._next(),
            "annotations": {ANNOTATION_CLUSTER_LABELS: labels},
        }  # fmt: skip
        self.world.works.put({"metadata": meta, "spec": spec, "status": {}})

    def _next(self) -> str:
        self._version += 1
        return str(self._version)
