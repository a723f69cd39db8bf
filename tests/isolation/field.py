"""Where attacks happen: an attacker and a victim, each onboarded as any team is, and a look at whether anything changed.

All attacks of one family are mounted at once (one commit, one apply), so that they run side by side; each test then waits
for the answer to its own. The attacker also has an Application that is as it should be: what comes out of the family's
commit goes out to the cluster, so an absence means that something was refused, and not that nothing works.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controlplane.api.keys import NamespacedName
from controlplane.api.names import work_name
from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.command import Ran
from tests.behaviour.manifests import OURS, application, config_map, deployment
from tests.behaviour.system import System
from tests.behaviour.team import Team
from tests.isolation.attack import MALLORY, VICTORIA, ByGit, ByRequest, Loot, Wall, request_wall, slugs, told_wall

__all__ = ["AS_HUB", "AS_POD", "AS_TENANT", "GIT", "MARKER", "MEMBER_OF_MALLORY", "Field", "contents", "located"]

GIT = "@git@"
"""Stands for the address of the Git server, which is known when it runs."""
MARKER = "s3cr3t-of-victoria"
"""In the victim's Secrets: nobody else may ever see it."""
MEMBER_OF_MALLORY = ("--as=eve", "--as-group=mallory-admins")
"""A person of the attacker's team, with the most that a team can give: the role admin."""
AS_TENANT = ("--as=system:serviceaccount:controlplane-tenants:mallory",)
"""The identity that the attacker's objects are applied as, on a member."""
AS_HUB = ("--as=system:serviceaccount:controlplane-system:controlplane-hub",)
"""The hub, as whoever has taken it over."""
AS_POD = ("--as=system:serviceaccount:mallory:default",)
"""A pod of the attacker's, on a member."""
_HERS = (
    "ConfigMap",
    "Secret",
    "Deployment",
    "Service",
    "ServiceAccount",
    "RoleBinding",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
)
_ON_HUB = ("Application", "Repository", "Secret", "ConfigMap", "RoleBinding")
PATIENCE_S = 40.0
_PASSING = ("managedFields", "resourceVersion", "generation")


@dataclass(slots=True)
class Field:
    """The two teams. before: what the victim has, as it was at the beginning."""

    system: System
    attacker: Team
    victim: Team
    before: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hub(self) -> Cluster:
        """The hub's API server."""
        return self.system.hub

    def cluster(self, name: str) -> Cluster:
        """`hub` or a member."""
        return self.hub if name == "hub" else self.system.members[name]

    async def begin(self) -> None:
        """Onboard both; deploy what the victim has, and what the attacker may have."""
        members = [{"group": "mallory-admins", "role": "admin"}, {"group": "mallory-devs", "role": "developer"}]
        bounds = {"quota": {"pods": "5"}, "limits": {"cpu": "100m", "memory": "64Mi"}}
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self.attacker.onboard(
                    members=members,
                    namespaces=[{"name": MALLORY, **bounds}],
                    limits={"applications": 400, "depth": 4, "objectsPerApplication": 500},
                )
            )
            group.create_task(self.victim.onboard(members=[{"group": "victoria-admins", "role": "admin"}]))
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "hers"},
            "data": {"key": b64encode(MARKER.encode()).decode()},
        }
        await self.victim.push({"apps/web/all.yaml": [config_map("hers"), secret, deployment("web")]})
        await self.victim.deploy("web")
        credentials = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "git-credentials", "namespace": self.victim.hub_namespace},
            "stringData": {"token": MARKER},
        }
        await self.hub.apply(credentials)
        await self.attacker.push({"apps/mine/cm.yaml": config_map("mine")})
        await self.attacker.deploy("mine")
        await self.victim.ready("web")
        await self.attacker.ready("mine")
        self.before = await self.hers()

    async def hers(self) -> dict[str, Any]:
        """All that the victim has on the hub and on its cluster, and the facts that it is selected by."""
        member, space = self.victim.member, self.victim.hub_namespace
        one = [
            self.hub.get("Tenant", VICTORIA),
            self.hub.get("Cluster", "east"),
            self.hub.get("Cluster", "west"),
            self.hub.get("Namespace", space),
            member.get("Namespace", VICTORIA),
            member.get("ServiceAccount", VICTORIA, "controlplane-tenants"),
        ]
        many = [member.all(kind, VICTORIA) for kind in _HERS] + [self.hub.all(kind, space) for kind in _ON_HUB]
        many.append(self.hub.all("Work", "cluster-east", f"controlplane.dev/tenant={VICTORIA}"))
        singles, lists = await asyncio.gather(asyncio.gather(*one), asyncio.gather(*many))
        return contents([*(body for body in singles if body), *(body for found in lists for body in found)])

    # -- mounting

    async def mount(self, family: str, attacks: Sequence[ByGit]) -> None:
        """One commit with the folders of all attacks by Git, and a root that makes an Application of each."""
        files: dict[str, Any] = {}
        for slug, attack in zip(slugs(family, attacks), attacks, strict=True):
            files |= {f"{slug}/{path}": located(each, self.system.git_url) for path, each in attack.files.items()}
            files[f"roots/{family}/{slug}.yaml"] = self._application(slug, attack)
            for path, target in attack.links.items():
                link = self.attacker.checkout.folder / slug / path
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.is_symlink():
                    link.symlink_to(target)
        await self.attacker.push(files, f"Attacks: {family}")
        await self.attacker.deploy(f"root-{family}", f"roots/{family}", placement=None)

    def _application(self, slug: str, attack: ByGit) -> Body:
        spec = {"placement": {"namespace": MALLORY}, **attack.spec}
        body = application(slug, self.attacker.hub_namespace, slug)
        body["spec"] |= {key: value for key, value in spec.items() if value is not None}
        return body

    # -- answers

    async def refused(self, slug: str, attack: ByGit) -> tuple[Wall, str]:
        """Wait for the refusal of an attack by Git, and show that nothing changed. Returns the wall and the reason."""

        def look(body: Body | None) -> Body:
            status = (body or {}).get("status") or {}
            if body is None or status.get("observedGeneration") != body["metadata"]["generation"]:
                return {}
            if condition(body, "Ready").true and self.attacker.head in status.get("revision", ""):
                raise AssertionError(f"nothing stopped it: {attack.name}")
            return next((told for told in _told(body) if told["reason"] == attack.reason), {})

        told = await self.hub.until(
            f"{attack.name}: refused for {attack.reason}",
            "Application",
            slug,
            look,
            namespace=self.attacker.hub_namespace,
            within_s=PATIENCE_S,
        )
        assert attack.says in told["message"], told
        work = work_name(NamespacedName(self.attacker.hub_namespace, slug))
        works = [await self.hub.get("Work", work, f"cluster-{name}") for name in self.system.members]
        by_agent = any(each["reason"] == attack.reason for body in works if body for each in _problems(body))
        wall = told_wall(told["reason"], told["message"], by_agent=by_agent)
        assert wall == attack.wall, told
        if not by_agent:
            assert works == [None] * len(works)  # nothing left the hub
        await self.unharmed(attack.loot)
        return wall, attack.reason

    async def request(self, attack: ByRequest) -> Ran:
        """Send a request with the attacker's credentials."""
        stdin = json.dumps(attack.body) if attack.body is not None else ""
        return await self.cluster(attack.cluster).try_kubectl(*attack.who, *attack.command, stdin=stdin)

    async def request_refused(self, attack: ByRequest) -> tuple[Wall, str]:
        """Send it, see it refused, and show that nothing changed."""
        ran = await self.request(attack)
        assert ran.code != 0, f"nothing stopped it: {attack.name}\n{ran.out}"
        assert attack.says in ran.err, ran.err
        assert MARKER not in ran.out + ran.err
        wall = request_wall(ran.err)
        assert wall == attack.wall, ran.err
        await self.unharmed(attack.loot)
        return wall, attack.says

    async def unharmed(self, loot: Iterable[Loot] = ()) -> None:
        """What the victim has is as it was, and what the attack was after is not there."""
        for each in loot:
            found = await self.cluster(each.cluster).get(each.kind, each.name, each.namespace)
            assert found is None, each
        now = await self.hers()
        assert now.keys() == self.before.keys()
        changed = {key: (self.before[key], value) for key, value in now.items() if value != self.before[key]}
        assert changed == {}


def located(content: Any, git_url: str) -> Any:
    """A file's content with the Git server's address where GIT stands."""
    if isinstance(content, str):
        return content.replace(GIT, git_url)
    return json.loads(json.dumps(content).replace(GIT, git_url))


def contents(bodies: Iterable[Body]) -> dict[str, Any]:
    """Objects by kind and name, without what the API server counts and what controllers report."""
    found = {}
    for body in bodies:
        meta = {key: value for key, value in body["metadata"].items() if key not in _PASSING}
        key = f"{body.get('kind', '')} {meta.get('namespace', '')}/{meta['name']}"
        kept = {part: value for part, value in body.items() if part not in ("metadata", "status")}
        if body.get("apiVersion") == OURS and body.get("kind") == "Work":
            kept.pop("status", None)
        meta["annotations"] = {
            k: v for k, v in meta.get("annotations", {}).items() if not k.startswith("deployment.kubernetes.io")
        }
        found[key] = {**kept, "metadata": meta}
    return found


def _problems(body: Body) -> list[dict[str, Any]]:
    return list((body.get("status") or {}).get("problems") or [])


def _told(body: Body) -> list[dict[str, Any]]:
    """Everything that a status says against its Application: problems, then conditions."""
    ready = condition(body, "Ready")
    conditions = [] if not ready.false else [{"reason": ready.reason, "message": ready.message}]
    return [*_problems(body), *conditions]
