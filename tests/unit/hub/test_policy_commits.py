"""Policy commits: what is good comes into force at once, what is not changes nothing and says why, a restart forgets nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from controlplane.api.keys import NamespacedName, TenantName
from controlplane.api.model import CommitInfo, Condition
from controlplane.api.repository import PolicyStatus, RepositoryStatus
from controlplane.hub.announce import Announcer
from controlplane.hub.policies import Policies, policies_in
from controlplane.hub.policy_commits import PolicyCommits
from controlplane.hub.settings import Settings
from controlplane.hub.sources import Head, Sources
from controlplane.hub.status import StatusWriter
from controlplane.hub.world import World
from controlplane.policy.rules import Action, Resource
from controlplane.source.tree import MemoryTree
from tests.objects import a_tenant

KEY = NamespacedName("controlplane-system", "platform")
PAYMENTS, PLATFORM = TenantName("payments"), TenantName("platform")
DENY = "p, delivery, *, kinds, deploy, apps/DaemonSet, deny\n"
TEST = "- {who: delivery, tenant: payments, resource: kinds, action: deploy, object: apps/DaemonSet, expected: deny}\n"
GOOD = {"policies/a.csv": DENY, "policies/tests/a.yaml": TEST}
WITHOUT = {"policies/a.csv": "# nothing\n", "policies/tests/a.yaml": TEST}


class Git:
    """Stands for Sources: commits by number; the newest is the head."""

    def __init__(self) -> None:
        self.trees: dict[str, MemoryTree] = {}
        self.newest: Head | None = None
        self.lost: set[str] = set()

    def commit(self, files: dict[str, str]) -> str:
        sha = f"{len(self.trees) + 1:040x}"
        self.trees[sha] = MemoryTree(files)
        self.newest = Head("https://git.example.com/platform", sha, f"main@sha1:{sha}", CommitInfo())
        return sha

    def head(self, _: NamespacedName) -> Head | None:
        return self.newest

    def tree(self, _: NamespacedName, sha: str) -> MemoryTree | None:
        return self.trees.get(sha)

    async def past(self, _: NamespacedName, sha: str) -> MemoryTree | None:
        return None if sha in self.lost else self.trees.get(sha)


class Statuses:
    """Stands for the StatusWriter: what is put is there at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.writes = 0
        self.version = 1

    def latest(self, _: NamespacedName, live: RepositoryStatus) -> RepositoryStatus:
        return live

    def put(self, key: NamespacedName, status: RepositoryStatus) -> None:
        self.writes += 1
        self.version += 1
        body = dict(self.world.repositories.raw(key) or {})
        body["metadata"] = {**body["metadata"], "resourceVersion": str(self.version)}
        self.world.repositories.put({**body, "status": status.wire()})


class Events:
    def __init__(self) -> None:
        self.said: list[tuple[str, str, bool]] = []

    def policies(self, _: object, reason: str, message: str, *, good: bool) -> None:
        self.said.append((reason, message, good))


class Hub:
    def __init__(
        self, git: Git | None = None, status: dict[str, Any] | None = None, *, repository: bool = True
    ) -> None:
        self.git = git or Git()
        self.world = World()
        if repository:
            self.world.repositories.put({
                "metadata": {"name": "platform", "namespace": "controlplane-system", "resourceVersion": "1", "generation": 1},
                "spec": {"url": "https://git.example.com/platform"}, "status": status or {},
            })  # fmt: skip
        self.policies = Policies(from_git=True)
        self.policies.tenant(a_tenant())
        self.statuses, self.events, self.swaps = Statuses(self.world), Events(), 0
        self.commits = PolicyCommits(
            self.world, cast(Sources, self.git), self.policies, cast(StatusWriter, self.statuses),
            cast(Announcer, self.events), "policies", self._swapped, self._tell,
        )  # fmt: skip
        self.told: list[str] = []

    async def _tell(self) -> None:
        assert self.policies.files is not None
        self.told.append(self.policies.files.commit)

    def _swapped(self) -> None:
        self.swaps += 1

    async def look(self, files: dict[str, str] | None = None) -> str:
        sha = self.git.commit(files) if files is not None else ""
        await self.commits.reconcile(KEY)
        return sha

    @property
    def status(self) -> RepositoryStatus:
        found = self.world.repositories.get(KEY)
        assert found is not None
        return found.status

    @property
    def condition(self) -> Condition:
        return next(each for each in self.status.conditions if each.type == "Policies")

    @property
    def denies(self) -> bool:
        return not self.policies.current.allows(PAYMENTS, Resource.KINDS, Action.DEPLOY, "apps/DaemonSet")

    def again(self) -> "Hub":
        """The hub after a restart: only Git and the status are left."""
        return Hub(self.git, self.status.wire())


async def test_a_good_commit_comes_into_force_and_is_told() -> None:
    hub = Hub()
    assert hub.policies.hold(PAYMENTS) and hub.policies.hold(PLATFORM) and not hub.policies.looked
    sha = await hub.look(GOOD)
    assert hub.denies
    assert not hub.policies.hold(PAYMENTS)
    assert (hub.condition.status, hub.condition.reason) == ("True", "Activated")
    assert hub.condition.message == f"main@sha1:{sha} is in force: 1 rules, 1 tests passed"
    assert hub.status.policies == PolicyStatus(revision=f"main@sha1:{sha}", rules=1, tests=1)
    assert [(reason, good) for reason, _, good in hub.events.said] == [("PoliciesActivated", True)]
    decision = hub.policies.current.decide(PAYMENTS, Resource.KINDS, Action.DEPLOY, "apps/DaemonSet")
    assert decision.rule and (decision.rule.file, decision.rule.line, decision.rule.commit) == (
        "policies/a.csv",
        1,
        sha,
    )


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (WITHOUT, "policies/tests/a.yaml:1@000000000000: expected deny, and it is allowed by Tenant payments"),
        ({**GOOD, "policies/b.csv": "#\nx\n"}, "policies/b.csv:2@000000000000: a line begins with p"),
        ({"elsewhere/a.csv": DENY}, "policies: there is no such folder"),
        ({**GOOD, "policies/b.txt": ""}, "policies/b.txt: only model.conf"),
    ],
)
async def test_a_bad_commit_changes_nothing_and_says_why(bad: dict[str, str], says: str) -> None:
    hub = Hub()
    good = await hub.look(GOOD)
    swaps = hub.swaps
    sha = await hub.look(bad)
    assert hub.denies
    assert hub.swaps == swaps
    assert (hub.condition.status, hub.condition.reason) == ("False", "Refused")
    assert hub.condition.message.startswith(f"main@sha1:{sha} is refused; main@sha1:{good} stays in force: ")
    assert says in hub.condition.message
    assert hub.status.policies == PolicyStatus(
        revision=f"main@sha1:{good}", rules=1, tests=1, refused=f"main@sha1:{sha}"
    )
    assert hub.events.said[-1][0] == "PoliciesRefused"
    writes = hub.statuses.writes
    await hub.look()
    assert hub.statuses.writes == writes
    await hub.look(GOOD)  # what was bad is taken back
    assert hub.condition.reason == "Activated"
    assert hub.status.policies == PolicyStatus(revision=f"main@sha1:{good}", rules=1, tests=1)


async def test_a_commit_elsewhere_is_no_policy_commit() -> None:
    hub = Hub()
    await hub.look(GOOD)
    writes, swaps = hub.statuses.writes, hub.swaps
    await hub.look({**GOOD, "tenants/x.yaml": "new"})
    assert (hub.statuses.writes, hub.swaps) == (writes, swaps)


async def test_a_restart_takes_up_the_last_good_commit_even_if_the_newest_is_bad() -> None:
    hub = Hub()
    good = await hub.look(GOOD)
    await hub.look(WITHOUT)
    after = hub.again()
    assert after.policies.hold(PAYMENTS)
    await after.look()
    assert after.denies
    assert not after.policies.hold(PAYMENTS)
    assert after.policies.files is not None and after.policies.files.commit == good
    assert (after.statuses.writes, after.events.said) == (0, [])  # nothing is new


async def test_a_restart_takes_it_up_before_git_was_asked_and_though_its_tests_would_fail_by_now() -> None:
    hub = Hub()
    await hub.look(GOOD)
    after = hub.again()
    after.git.newest = None
    after.policies.no_tenant(PAYMENTS)
    await after.look()
    assert after.policies.files is not None
    assert after.statuses.writes == 0


async def test_where_the_last_good_commit_is_lost_nothing_goes_out_until_a_commit_is_good() -> None:
    hub = Hub()
    good = await hub.look(GOOD)
    after = hub.again()
    after.git.lost.add(good)
    await after.look(WITHOUT)
    assert after.policies.looked
    assert after.policies.hold(PAYMENTS) and after.policies.hold(PLATFORM)
    assert after.condition.reason == "Refused"
    await after.look({**GOOD, "policies/b.csv": "# more\n"})
    assert not after.policies.hold(PAYMENTS)
    assert after.denies


async def test_a_platform_that_begins_may_bring_the_tenants_that_the_tests_name() -> None:
    hub = Hub()
    hub.policies.no_tenant(PAYMENTS)
    await hub.look(GOOD)
    assert "there is no Tenant payments" in hub.condition.message
    assert hub.policies.looked and hub.swaps
    assert hub.policies.hold(PAYMENTS)
    assert not hub.policies.hold(PLATFORM)
    told: list[int] = []
    hub.policies.on_change = lambda: told.append(1)
    hub.policies.tenant(a_tenant())
    assert told
    await hub.look()
    assert hub.condition.reason == "Activated"
    assert not hub.policies.hold(PAYMENTS)


async def test_without_the_repository_only_the_platform_goes_on() -> None:
    hub = Hub(repository=False)
    await hub.look()
    assert hub.policies.hold(PAYMENTS) and not hub.policies.hold(PLATFORM)
    swaps = hub.swaps
    await hub.look()
    assert hub.swaps == swaps == 1  # all are woken once, and not with each look


@pytest.mark.parametrize("revision", ["main@sha1:--upload-pack=x", "main"])
async def test_a_revision_that_is_none_is_asked_of_nobody(revision: str) -> None:
    hub = Hub(status={"policies": {"revision": revision}})
    await hub.look()
    assert hub.condition.reason == "Lost"
    assert hub.policies.hold(PLATFORM)


async def test_who_gets_no_role_binding_and_roles_without_meaning_are_told() -> None:
    hub = Hub()
    hub.policies.tenant(a_tenant(members=[{"user": "ann", "role": "viewer"}]))
    people = "p, user:ann, payments, applications, get, secret-*, deny\ng, user:bob, amdin, payments\n"
    await hub.look({**GOOD, "policies/people.csv": people})
    assert "no rule is about amdin" in hub.condition.message
    assert "tenant payments: no RoleBinding for user:ann, who is under a denial" in hub.condition.message


def test_the_settings_name_a_repository_of_the_platforms_own_namespace() -> None:
    named: Callable[..., Settings] = Settings(Path("/x")).with_values
    assert policies_in(named({})) is None
    assert policies_in(named({"policies.repository": "platform"})) == KEY
    assert named({"policies.path": "a/b"}).policies_path == "a/b"
