"""A commit costs what it touches: nothing is written for the Applications that read none of what it changed."""

from tests.behaviour.audit import Request
from tests.behaviour.manifests import config_map
from tests.behaviour.system import AGENT, HUB, MEMBERS, System
from tests.behaviour.team import Team

OURS = frozenset({HUB, AGENT, *(f"system:serviceaccount:cluster-{name}:agent" for name in MEMBERS)})


async def test_a_commit_writes_nothing_for_the_neighbour_of_what_it_changed(system: System, team: Team) -> None:
    await team.push({f"apps/{name}/cm.yaml": config_map(f"{name}-{team.name}") for name in ("one", "two")})
    for name in ("one", "two"):
        await team.deploy(f"{name}-{team.name}", f"apps/{name}")
    one, two = f"one-{team.name}", f"two-{team.name}"
    await team.ready(one, two)
    first = team.head
    await system.heartbeats("east")  # what was on its way is written by then
    marks = {name: system.audit(name).mark() for name in ("hub", *MEMBERS)}
    await team.push({"apps/two/cm.yaml": config_map(two, {"value": "changed"}), "README.md": "Nobody reads this\n"})
    await team.ready(two)
    await system.heartbeats("east")
    await team.ready(one, revision=first)
    for name, mark in marks.items():
        assert [r for r in system.audit(name).since(mark) if _writes(r, one)] == [], name
    for name in MEMBERS:
        own = [r for r in system.audit(name).since(marks[name], AGENT) if r.namespace == team.name and r.writes]
        assert [(r.verb, r.resource, r.name) for r in own] == [("patch", "configmaps", two)]


def _writes(request: Request, name: str) -> bool:
    return request.user in OURS and request.writes and request.name.startswith(name)
