"""Which commit touches which Application: what was prepared is used again exactly while all that it was made from is the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, NamespacedName, ObjectKey, TenantName
from controlplane.api.model import CommitInfo
from controlplane.api.tree import Tree
from controlplane.artifact.store import FolderStore
from controlplane.hub.children import Children
from controlplane.hub.policies import Policies
from controlplane.hub.prepare import Refusal, prepare
from controlplane.hub.select import Selector
from controlplane.hub.settings import Settings
from controlplane.hub.sources import Head, Sources
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.policy.files import PolicyFiles
from controlplane.policy.rules import builtin_model, read_csv
from controlplane.source.tree import MemoryTree
from tests.unit.hub.objects import application_body

TEAM = NamespacedName("tenant-payments", "team")
WEB = NamespacedName("tenant-payments", "web")
URL = "https://git.example.com/payments/deploy.git"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{x: '{value}'}}\n"
CHILD = (
    "apiVersion: controlplane.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
    "spec: {{source: {{repository: team, path: a}}}}\n"
)


def config(value: int = 1, name: str = "web") -> str:
    return CONFIG.format(name=name, value=value)


class Commits:
    """Stands for Sources: commits in memory, the newest in force."""

    def __init__(self) -> None:
        self.trees: dict[str, Tree] = {}
        self.newest: str | None = None
        self.fetched = 0

    def commit(self, files: Mapping[str, bytes | str]) -> str:
        self.newest = f"{len(self.trees) + 1:040x}"
        self.trees[self.newest] = MemoryTree(files)
        return self.newest

    def find(self, namespace: str, name: str, _: TenantName) -> NamespacedName | None:
        return TEAM if name == "team" else None

    def head(self, _: NamespacedName) -> Head | None:
        sha = self.newest
        return Head(URL, sha, f"main@sha1:{sha}", CommitInfo(message=f"commit {sha}")) if sha else None

    def tree(self, _: NamespacedName, sha: str) -> Tree | None:
        return self.trees.get(sha)

    async def past(self, _: NamespacedName, sha: str) -> Tree | None:
        return self.trees.get(sha)

    def tried(self, _: NamespacedName) -> bool:
        return self.newest is not None

    async def reconcile(self, _: NamespacedName) -> float | None:
        self.fetched += 1
        return None


class Family:
    """Stands for the inventories: who is above whom."""

    def __init__(self) -> None:
        self.above: list[NamespacedName] = []

    def ancestors(self, _: NamespacedName) -> list[NamespacedName]:
        return self.above

    def parent(self, _: ObjectKey) -> NamespacedName | None:
        return None

    def __getattr__(self, name: str) -> Any:  # whatever else the selector tells the inventories is not this test's
        return lambda *_, **__: None


class Hub:
    """A selector over a World with one tenant and two clusters."""

    def __init__(self, store: FolderStore, folder: Path) -> None:
        self.world, self.policies = World(), Policies()
        self.commits, self.family = Commits(), Family()
        self.version = 0
        self.tenant()
        for name in ("east", "west"):
            self.world.clusters.put({"metadata": {"name": name, "labels": {"env": "prod"}}})
            cluster = self.world.cluster(ClusterName(name))
            assert cluster is not None
            self.policies.cluster(cluster)
        self.world.repositories.put(
            {"metadata": {"name": "team", "namespace": "tenant-payments"}, "spec": {"url": URL}}
        )
        self.store = store
        self.selector = Selector(
            self.world, cast(Sources, self.commits), self.policies, store, cast(Children, self.family), Settings(folder)
        )

    def tenant(self, **spec: Any) -> None:
        self.version += 1
        spec = {
            "sources": [{"url": URL}],
            "clusters": {"matchLabels": {"env": "prod"}},
            "namespaces": [{"name": "payments"}],
        } | spec
        self.world.tenants.put({"metadata": {"name": "payments", "resourceVersion": str(self.version)}, "spec": spec})
        tenant = self.world.tenant(TenantName("payments"))
        assert tenant is not None
        self.policies.tenant(tenant)

    def application(self, name: str = "web", path: str = "apps/web", **spec: Any) -> Application:
        self.version += 1
        spec = {"source": {"repository": "team", "path": path}, "placement": {"namespace": "payments"}} | spec
        return self.world.applications.put(application_body(name, version=self.version, **spec))


@pytest.fixture
async def hub(tmp_path: Path) -> Hub:
    return Hub(await FolderStore.open(tmp_path / "artifacts"), tmp_path)


async def test_a_commit_elsewhere_is_not_rendered_and_moves_no_revision(hub: Hub) -> None:
    application = hub.application()
    first = hub.commits.commit({"apps/web/a.yaml": config(), "apps/api/a.yaml": config(1)})
    prepared = await hub.selector.select(WEB, application)
    hub.commits.commit({"apps/web/a.yaml": config(), "apps/api/a.yaml": config(2), "new": ""})
    again = await hub.selector.select(WEB, application)
    assert again is prepared
    assert again.head.sha == first


async def test_a_commit_that_it_reads_is_rendered(hub: Hub) -> None:
    application = hub.application()
    hub.commits.commit({"apps/web/a.yaml": config(1)})
    prepared = await hub.selector.select(WEB, application)
    second = hub.commits.commit({"apps/web/a.yaml": config(2)})
    again = await hub.selector.select(WEB, application)
    assert again.head.sha == second
    assert again.payloads != prepared.payloads


async def test_a_commit_affects_whom_it_touches_and_whoever_is_in_doubt(hub: Hub) -> None:
    names = {name: NamespacedName(WEB.namespace, name) for name in ("web", "api", "bad", "new")}
    files = {"apps/web/a.yaml": config(), "apps/api/a.yaml": config(), "apps/bad/a.yaml": "a: [\n"}
    hub.commits.commit(files)
    for name in ("web", "api"):
        await hub.selector.select(names[name], hub.application(name, f"apps/{name}"))
    with pytest.raises(Refusal):
        await hub.selector.select(names["bad"], hub.application("bad", "apps/bad"))
    hub.commits.commit(files | {"apps/api/a.yaml": config(2)})
    unaffected = hub.selector.unaffected(TEAM)
    assert [name for name, key in names.items() if unaffected(key)] == ["web"]


async def test_while_a_commit_is_prepared_the_last_one_coming_back_is_not_overlooked(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = hub.application()
    first = {"apps/web/a.yaml": config(1)}
    hub.commits.commit(first)
    await hub.selector.select(WEB, application)
    hub.commits.commit({"apps/web/a.yaml": config(2)})
    seen = []

    async def slowly(*arguments: Any, **keywords: Any) -> Any:
        hub.commits.commit(first)  # reverted while the change is being rendered
        seen.append(hub.selector.unaffected(TEAM)(WEB))
        return await prepare(*arguments, **keywords)

    monkeypatch.setattr("controlplane.hub.select.prepare", slowly)
    await hub.selector.select(WEB, application)
    assert seen == [False]
    assert not hub.selector.unaffected(TEAM)(WEB), "what was prepared is not what is in force"


async def test_after_a_restart_the_revision_is_still_the_commit_that_touched_it(hub: Hub, tmp_path: Path) -> None:
    application = hub.application()
    first = hub.commits.commit({"apps/web/a.yaml": config(), "other": "1"})
    prepared = await hub.selector.select(WEB, application)
    hub.commits.commit({"apps/web/a.yaml": config(), "other": "2"})
    revision = f"main@sha1:{first}"
    spec: dict[str, Any] = {
        "source": {"repository": "team", "path": "apps/web"},
        "placement": {"namespace": "payments"},
    }
    body = application_body("web", version=99, **spec)
    body["status"] = {"revision": revision, "attemptedRevision": revision}
    restarted = Selector(
        hub.world, cast(Sources, hub.commits), hub.policies, await FolderStore.open(tmp_path / "artifacts"),
        cast(Children, hub.family), Settings(tmp_path),
    )  # fmt: skip
    again = await restarted.select(WEB, hub.world.applications.put(body))
    assert (again.head.sha, again.payloads) == (first, prepared.payloads)


async def test_a_refusal_stands_until_what_it_depends_on_changes(hub: Hub) -> None:
    application = hub.application()
    bad = config().replace("{name: web}", "{name: web, namespace: other}")
    hub.commits.commit({"apps/web/a.yaml": bad})
    with pytest.raises(Refusal) as first:
        await hub.selector.select(WEB, application)
    assert first.value.reason == "Denied"
    assert first.value.problems[0].file == "apps/web/a.yaml"
    hub.commits.commit({"apps/web/a.yaml": bad, "other": "x"})
    with pytest.raises(Refusal) as second:
        await hub.selector.select(WEB, application)
    assert second.value is first.value
    hub.tenant(namespaces=[{"name": "payments"}, {"name": "other"}])
    assert (await hub.selector.select(WEB, application)).payloads.keys() == {"east", "west"}


async def test_a_cluster_that_is_relabelled_changes_only_who_is_placed_there(hub: Hub) -> None:
    both = hub.application()
    west = hub.application("west", placement={"namespace": "payments", "clusters": {"names": ["west"]}})
    hub.commits.commit({"apps/web/a.yaml": config()})
    before = [
        await hub.selector.select(WEB, both),
        await hub.selector.select(NamespacedName(WEB.namespace, "west"), west),
    ]
    assert before[0].payloads.keys() == {"east", "west"}
    hub.world.clusters.put({"metadata": {"name": "east", "labels": {}, "resourceVersion": "9"}})
    east = hub.world.cluster(ClusterName("east"))
    assert east is not None
    hub.policies.cluster(east)
    assert (await hub.selector.select(WEB, both)).payloads.keys() == {"west"}


async def test_a_person_s_sync_fetches_and_prepares_anew(hub: Hub) -> None:
    hub.commits.commit({"apps/web/a.yaml": config()})
    prepared = await hub.selector.select(WEB, hub.application())
    again = await hub.selector.select(WEB, hub.application(request={"sync": "now"}))
    assert hub.commits.fetched == 1
    assert again is not prepared
    assert again.payloads == prepared.payloads


def in_wave(name: str, wave: str, *depends_on: str) -> str:
    names = ", ".join(f"{{name: {other}}}" for other in depends_on)
    return (
        f"apiVersion: controlplane.dev/v1alpha1\nkind: Application\n"
        f"metadata: {{name: {name}, annotations: {{controlplane.dev/wave: '{wave}'}}}}\n"
        f"spec: {{source: {{repository: team, path: x}}, dependsOn: [{names}]}}\n"
    )


@pytest.mark.parametrize(
    ("files", "above", "reason"),
    [
        pytest.param({"roots/a.yaml": CHILD.format(name="web")}, [], "Cycle", id="it makes itself"),
        pytest.param({"roots/a.yaml": CHILD.format(name="top")}, ["top"], "Cycle", id="it makes who made it"),
        pytest.param({"roots/a.yaml": CHILD.format(name="low")}, ["a", "b", "c"], "LimitExceeded", id="too deep"),
        pytest.param({"roots/a.yaml": config()}, [], "NoPlacement", id="objects that go nowhere"),
        pytest.param({"else": ""}, [], "PathNotFound", id="no such path"),
        pytest.param({"roots/a.yaml": "a: [\n"}, [], "InvalidYaml", id="no YAML"),
        pytest.param({"roots/a.yaml": in_wave("a", "soon")}, [], "BadOrder", id="a wave that is none"),
        pytest.param(
            {"roots/a.yaml": in_wave("a", "0", "b"), "roots/b.yaml": in_wave("b", "1")},
            [],
            "DependencyCycle",
            id="it waits for whom its wave lets wait",
        ),
    ],
)
async def test_refused(hub: Hub, files: dict[str, str], above: list[str], reason: str) -> None:
    hub.family.above = [NamespacedName("tenant-payments", name) for name in above]
    hub.commits.commit(files)
    with pytest.raises(Refusal) as refused:
        await hub.selector.select(WEB, hub.application(path="roots", placement=None))
    assert refused.value.reason == reason


async def test_the_newest_of_too_many_is_refused_and_no_other(hub: Hub) -> None:
    hub.tenant(limits={"applications": 1})
    hub.commits.commit({"apps/web/a.yaml": config()})
    web, zed = hub.application(), hub.application("zed")
    await hub.selector.select(WEB, web)
    with pytest.raises(Refusal) as refused:
        await hub.selector.select(NamespacedName(WEB.namespace, "zed"), zed)
    assert refused.value.reason == "LimitExceeded"


async def test_before_the_first_fetch_nothing_is_said(hub: Hub) -> None:
    with pytest.raises(Waiting) as waiting:
        await hub.selector.select(WEB, hub.application())
    assert waiting.value.unsaid


def files_of(csv: str, commit: str = "a" * 40) -> PolicyFiles:
    return PolicyFiles(commit, builtin_model(), read_csv(csv, "policies/a.csv", commit), ())


NO_CONFIG = "p, delivery, *, kinds, deploy, core/ConfigMap, deny\n"


async def test_nothing_goes_out_before_the_policies_that_the_settings_name_are_in_force(hub: Hub) -> None:
    policies = Policies(from_git=True)
    tenant = hub.world.tenant(TenantName("payments"))
    assert tenant is not None
    policies.tenant(tenant)
    hub.selector = Selector(
        hub.world, cast(Sources, hub.commits), policies, hub.store, cast(Children, hub.family),
        Settings(Path("/x")),
    )  # fmt: skip
    application = hub.application(placement={"namespace": "payments", "clusters": {"names": []}})
    hub.commits.commit({"apps/web/a.yaml": config()})
    for looked in (False, True):
        with pytest.raises(Waiting) as waiting:
            await hub.selector.select(WEB, application)
        assert waiting.value.reason == "PoliciesNotReady"
        assert waiting.value.unsaid is not looked
        policies.looked_at(first=True)
    policies.activate(files_of("# nothing\n"))
    await hub.selector.select(WEB, application)


async def test_other_rules_for_its_deliveries_are_judged_and_all_others_are_let_be(hub: Hub) -> None:
    application = hub.application()
    hub.commits.commit({"apps/web/a.yaml": config()})
    first = await hub.selector.select(WEB, application)

    async def after(csv: str, commit: str) -> object:
        hub.policies.activate(files_of(csv, commit))
        hub.selector.rejudge()
        return await hub.selector.select(WEB, application)

    assert await after("p, viewer, *, secrets, get, *, allow\n", "a" * 40) is first
    assert await after("p, delivery, storefront, kinds, deploy, core/ConfigMap, deny\n", "b" * 40) is first
    with pytest.raises(Refusal) as refusal:
        await after(NO_CONFIG, "c" * 40)
    assert refusal.value.problems[0].rule.endswith("(policies/a.csv:1@cccccccccccc)")
    with pytest.raises(Refusal) as refusal:  # the same rules elsewhere: the answer is the same, its place is not
        await after(f"# moved\n{NO_CONFIG}", "d" * 40)
    assert refusal.value.problems[0].rule.endswith("(policies/a.csv:2@dddddddddddd)")
    await after("# nothing\n", "e" * 40)


async def test_a_sync_that_waits_for_somebody_asks_git_once(hub: Hub) -> None:
    hub.commits.commit({"apps/web/a.yaml": config()})
    application = hub.application(request={"sync": "now"})
    first = await hub.selector.select(WEB, application)
    assert await hub.selector.select(WEB, application) is first
    assert hub.commits.fetched == 1
    await hub.selector.select(WEB, hub.application(request={"sync": "again"}))
    assert hub.commits.fetched == 2
    hub.selector.gone(WEB)
    await hub.selector.select(WEB, hub.application(request={"sync": "again"}))
    assert hub.commits.fetched == 3


async def test_a_broken_rule_of_health_holds_the_commit_and_names_the_expression(hub: Hub) -> None:
    hub.commits.commit({"apps/web/a.yaml": config()})
    good = {"group": "example.com", "kind": "Widget", "healthy": "status.ok"}
    assert (await hub.selector.select(WEB, hub.application(health=[good]))).payloads
    with pytest.raises(Refusal) as refusal:
        await hub.selector.select(WEB, hub.application(health=[good, {"kind": "Secret", "degraded": "status ="}]))
    assert refusal.value.reason == "InvalidHealthRule"
    problems = [problem.message for problem in refusal.value.problems]
    assert problems[0] == "spec.health[1] (core/Secret): the kind has no status to be judged by"
    assert problems[1].startswith("spec.health[1] (core/Secret).degraded: Syntax error")
    assert (await hub.selector.select(WEB, hub.application(health=[good]))).payloads, (
        "and not for longer than it is there"
    )
