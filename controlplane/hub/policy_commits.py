"""Policy commits: from a revision of the platform's Repository to the policy that is in force.

One reconcile looks at the folder that the settings name. Where it is another than the one in force, it is loaded into a
policy of its own and its tests are run, beside everything else that goes on; then one reference is swapped. A commit that
does not load, or whose tests fail, changes nothing, and the Repository's status says why. The status also remembers which
commit is in force, so that a hub that starts again takes up that one, whatever the newest is like.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable

from controlplane.api.keys import NamespacedName
from controlplane.api.repository import PolicyStatus
from controlplane.api.tree import Tree, clean_path
from controlplane.hub.announce import Announcer
from controlplane.hub.conditions import POLICIES, Reason, Truth, with_condition
from controlplane.hub.policies import Policies
from controlplane.hub.sources import Head, Sources
from controlplane.hub.status import StatusWriter
from controlplane.hub.world import World
from controlplane.policy.charter import charter
from controlplane.policy.files import PolicyFiles, PolicyFilesError, collect, read_files, roles_without_rules
from controlplane.policy.people import told, withheld
from controlplane.policy.policy import Policy

__all__ = ["PolicyCommits"]

_MOST_TOLD = 5  # problems in one message
_SHA = re.compile(r"[0-9a-f]{40}")

_log = logging.getLogger(__name__)


class PolicyCommits:
    """Brings policy commits into force.

    path: of the folder. activated: called after each swap, so that everything is judged again; and when it turned out that
    there is nothing to wait for. tell: writes down for the API server what the platform's people may; idle where it stands there.
    """

    def __init__(
        self, world: World, sources: Sources, policies: Policies, status: StatusWriter, announcer: Announcer, path: str,
        activated: Callable[[], None], tell: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._world = world
        self._sources = sources
        self._policies = policies
        self._status = status
        self._announcer = announcer
        self._path = clean_path(path) or ""
        self._activated = activated
        self._tell = tell
        self._folder = ""  # id of the folder that is in force
        self._failed: tuple[str, Policy | None] | None = None  # the refused folder; with which Tenants, if tests failed

    async def reconcile(self, key: NamespacedName) -> float | None:
        """One look at the Repository of the policies."""
        repository = self._world.repositories.get(key)
        if repository is None:
            self._look_ended(first=self._policies.files is None)
            return None
        if self._policies.files is None:
            await self._take_up(key)
        head = self._sources.head(key)
        tree = self._sources.tree(key, head.sha) if head is not None else None
        if head is None or tree is None:
            return None  # the fetch that brings one brings us back
        entry = tree.entry(self._path)
        folder = entry.id if entry is not None else ""
        if folder and folder == self._folder:
            self._still(key)
        elif self._failed not in ((folder, None), (folder, self._policies.current)):
            await self._try(key, head, tree, folder)
        if self._policies.files is not None:
            await self._tell()
        return None

    async def _take_up(self, key: NamespacedName) -> None:
        """After a start: put the commit in force that was, by the status. Its tests passed when it came."""
        known = self._known(key)
        if known is None or not known.revision:
            self._look_ended(first=True)
            return
        sha = known.revision.rpartition(":")[2]
        tree = await self._sources.past(key, sha) if _SHA.fullmatch(sha) else None
        try:
            if tree is None:
                raise LookupError("neither the mirror nor the server has it any more")
            files = await self._load(tree, sha)
        except (PolicyFilesError, LookupError) as err:
            message = f"{known.revision} was in force, and cannot be taken up again: {err}; nothing goes out until a commit can"
            self._say(key, ("False", Reason.POLICIES_LOST, message), known)
            self._look_ended(first=False)
            return
        entry = tree.entry(self._path)
        self._swap(files, entry.id if entry is not None else "")

    async def _try(self, key: NamespacedName, head: Head, tree: Tree, folder: str) -> None:
        policy = self._policies.current
        self._failed = None
        try:
            files = await self._load(tree, head.sha)
        except PolicyFilesError as err:
            self._failed = folder, None
            self._refuse(key, head, [str(problem) for problem in err.problems])
            return
        failures, notes = await asyncio.to_thread(_examine, files, policy)
        if failures:
            self._failed = folder, policy
            self._refuse(key, head, failures)
            return
        self._swap(files, folder)
        await self._sources.past(key, head.sha)  # from now on it is this one that the mirror has to keep
        rules = len(files.rules.grants) + len(files.rules.memberships)
        made = PolicyStatus(revision=head.revision, rules=rules, tests=len(files.tests))
        self._say(key, ("True", Reason.POLICIES_ACTIVATED, "; ".join((_in_force(made), *notes))), made)

    def _refuse(self, key: NamespacedName, head: Head, problems: list[str]) -> None:
        known = self._known(key) or PolicyStatus()
        more = f" (and {len(problems) - _MOST_TOLD} more)" if len(problems) > _MOST_TOLD else ""
        kept = f"; {known.revision} stays in force" if self._policies.files is not None else ""
        message = f"{head.revision} is refused{kept}: {'; '.join(problems[:_MOST_TOLD])}{more}"
        refused = known.model_copy(update={"refused": head.revision})
        self._say(key, ("False", Reason.POLICIES_REFUSED, message), refused)

    def _still(self, key: NamespacedName) -> None:
        """The newest commit's folder is the one in force: what was refused in between is history."""
        self._failed = None
        known = self._known(key)
        if known is not None and known.refused:
            made = known.model_copy(update={"refused": ""})
            self._say(key, ("True", Reason.POLICIES_ACTIVATED, _in_force(made)), made)

    async def _load(self, tree: Tree, sha: str) -> PolicyFiles:
        files = collect(tree, self._path)  # some milliseconds: libgit2 wants one thread, and the sizes are bounded
        return await asyncio.to_thread(read_files, files, self._path, sha)

    def _swap(self, files: PolicyFiles, folder: str) -> None:
        self._policies.activate(files)
        self._folder, self._failed = folder, None
        _log.info("policies are in force", extra={"commit": files.commit, "rules": len(files.rules.grants)})
        self._activated()

    def _look_ended(self, *, first: bool) -> None:
        if self._policies.looked_at(first=first):
            self._activated()

    def _known(self, key: NamespacedName) -> PolicyStatus | None:
        """What the status says by now: others write it too while we work."""
        repository = self._world.repositories.get(key)
        return self._status.latest(key, repository.status).policies if repository is not None else None

    def _say(self, key: NamespacedName, part: tuple[Truth, str, str], policies: PolicyStatus) -> None:
        repository = self._world.repositories.get(key)
        if repository is None:
            return
        live = self._status.latest(key, repository.status)
        before = next((each for each in live.conditions if each.type == POLICIES), None)
        made = with_condition(live.conditions, repository.metadata.generation, POLICIES, part)
        if before == made[-1] and live.policies == policies:
            return
        self._status.put(key, live.model_copy(update={"conditions": made, "policies": policies}))
        status, reason, message = part
        self._announcer.policies(repository, f"{POLICIES}{reason}", message, good=status == "True")


def _in_force(status: PolicyStatus) -> str:
    return f"{status.revision} is in force: {status.rules} rules, {status.tests} tests passed"


def _examine(files: PolicyFiles, policy: Policy) -> tuple[list[str], list[str]]:
    """The tests that fail, and what a person should know besides. Takes its time: not for the loop.

    policy: for its Tenants and Clusters. It is only read; what is compiled belongs to a policy of this thread's own.
    """
    failures = [str(failure) for failure in files.failures(policy)]
    if failures:
        return failures, []
    own = files.over(policy)
    notes = list(roles_without_rules(files.rules)[:_MOST_TOLD])
    for name in own.tenants():
        tenant = own.tenant(name)
        if tenant is None:
            continue
        unbound = withheld(own, name, tenant.spec.members, asked=charter(own, name) is not None)
        if unbound and len(notes) < 2 * _MOST_TOLD:
            notes.append(f"tenant {name}: {told(unbound)}")
    return [], notes
