"""At rest nobody asks for anything and nobody writes anything, but for heartbeats: by the API servers' own word."""

from collections import Counter

import pytest

from tests.behaviour.audit import Request
from tests.behaviour.manifests import config_map, deployment, file_of, service
from tests.behaviour.system import AGENT, HEARTBEAT_S, HUB, MEMBERS, System
from tests.behaviour.team import Team

APPS, REST_S = 100, 120


@pytest.mark.timeout(900)
async def test_100_applications_at_rest_cost_nothing_but_heartbeats(system: System, team: Team) -> None:
    names = [f"app-{number:03}" for number in range(APPS)]
    await team.push({
        f"apps/{name}/all.yaml": file_of(deployment(name), service(name), config_map(name)) for name in names
    })  # fmt: skip
    template = {
        "metadata": {"name": "{{ folder.name }}"},
        "spec": {
            "source": {"repository": "team", "path": "{{ folder.path }}"},
            "placement": {"namespace": team.name},
        },
    }
    expand = {"over": [{"folders": {"path": "apps/*"}}], "template": template}
    await team.deploy("all", "apps", placement=None, expand=expand)
    await team.sees("has its children", "all", lambda body: body["status"]["children"]["total"] == APPS)
    await team.ready("all")
    await system.at_rest(team.name)
    await system.heartbeats("east", 2)  # what was on its way is written by then

    marks = {name: system.audit(name).mark() for name in ("hub", *MEMBERS)}
    await system.heartbeats("east", REST_S // HEARTBEAT_S)
    agents = {f"system:serviceaccount:cluster-{name}:agent" for name in MEMBERS}
    requests = {name: [r for r in system.audit(name).since(mark) if r.verb != "watch"] for name, mark in marks.items()}
    beats = Counter(r.user for r in requests["hub"] if r.user in agents and _is_heartbeat(r))
    assert all(beats[agent] >= REST_S // HEARTBEAT_S // 2 for agent in agents)
    assert [r for r in requests["hub"] if r.user in {HUB, *agents} and not _is_heartbeat(r)] == []
    for name in MEMBERS:
        assert [r for r in requests[name] if r.user == AGENT] == []


def _is_heartbeat(request: Request) -> bool:
    return (request.verb, request.resource, request.name) == ("patch", "leases", "agent")
