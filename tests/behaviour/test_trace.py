"""One commit is one trace, from the fetch to Ready over hub and agents, and a child's trace names its root's."""

import json
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from controlplane.telemetry.span import trace_name
from tests.behaviour.manifests import application, config_map, deployment, file_of
from tests.behaviour.receiver import Received, Receiver, told_to
from tests.behaviour.system import EXAMPLES, MEMBERS, System
from tests.behaviour.team import Team, Teams

HUB, AGENT = "controlplane-hub", "controlplane-agent"
OF_HUB = Counter(["deliver", "fetch", "render", "authorise", "dispatch", "dispatch"])
OF_AGENT = Counter(["fetch artifact", "apply", "health"])


@pytest.fixture(scope="module")
async def receiver(system: System) -> AsyncIterator[Receiver]:
    """Hub and agents export to it meanwhile, at once."""
    async with Receiver.listening() as made:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": made.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        async with told_to(system, **variables):
            yield made


async def trace_of(receiver: Receiver, team: Team, name: str) -> list[Received]:
    """The whole trace of an Application at the team's last commit, once it is closed and every agent has told its part."""
    body = await team.application(name)
    assert body
    trace = trace_name(body["metadata"]["uid"], team.head)

    def whole(spans: list[Received]) -> list[Received]:
        found = [span for span in spans if span.trace == trace]
        agents = {span.cluster for span in found if span.name == "health"}
        closed = any(span.name == "deliver" for span in found)
        return found if closed and agents == {cluster.name for cluster in team.clusters} else []

    return await receiver.until(f"the trace of {name} is whole", whole)


def check_trace(team: Team, name: str, spans: list[Received]) -> Received:
    """Which spans there are, whose children they are, and that each lies within the whole. Returns the root."""
    (root,) = [span for span in spans if not span.parent]
    assert root.name == "deliver"
    assert Counter(span.name for span in spans if span.service == HUB) == OF_HUB
    assert {span.parent for span in spans if span.service == HUB and span != root} == {root.id}
    sent = {span.attributes["controlplane.cluster"]: span for span in spans if span.name == "dispatch"}
    assert sent.keys() == set(MEMBERS)
    for cluster in MEMBERS:
        own = [span for span in spans if span.service == AGENT and span.cluster == cluster]
        assert Counter(span.name for span in own) == OF_AGENT
        assert {span.parent for span in own} == {sent[cluster].id}
        assert {span.attributes["controlplane.cluster"] for span in own} == {cluster}
    assert {span.error for span in spans} == {""}
    assert {span.application for span in spans} == {f"{team.hub_namespace}/{name}"}
    assert {span.attributes["controlplane.revision"] for span in spans} == {f"main@sha1:{team.head}"}
    assert root.start_ns == min(span.start_ns for span in spans)
    assert root.end_ns == max(span.end_ns for span in spans)
    return root


async def test_one_commit_is_one_trace_over_hub_and_both_agents(receiver: Receiver, team: Team) -> None:
    child = application("web", team.hub_namespace, "apps/web", placement={"namespace": team.name})
    await team.push({"root/web.yaml": file_of(child), "apps/web/all.yaml": file_of(deployment("web"), config_map("c"))})
    await team.deploy("all", "root", placement=None)
    await team.ready("all", "web")
    spans = await trace_of(receiver, team, "web")
    root = check_trace(team, "web", spans)

    def closed(found: list[Received]) -> list[Received]:
        return [s for s in found if s.name == "deliver" and s.application == f"{team.hub_namespace}/all"]

    (parent,) = await receiver.until("the trace of the root is closed", closed)
    assert root.links == ((parent.trace, parent.id),)
    assert parent.links == ()
    assert parent.trace != root.trace
    for span in receiver.spans:  # names and numbers, nobody's person and nothing of an object
        assert not {text for text in span.attributes.values() if "@" in text.replace("main@sha1:", "")}

    told = len(receiver.of(f"{team.hub_namespace}/all"))
    await team.push({"apps/web/all.yaml": file_of(deployment("web"), config_map("c", {"value": "two"}))})
    await team.ready("web")
    second = await trace_of(receiver, team, "web")
    assert check_trace(team, "web", second).trace != root.trace
    assert len(receiver.of(f"{team.hub_namespace}/all")) == told  # the commit did not touch it
    assert not [span for span in receiver.spans if span.attributes["controlplane.tenant"] in EXAMPLES]

    shown = (await team.system.cpctl("app", "trace", f"{team.name}/web")).split()
    assert root.trace not in shown
    assert second[0].trace in shown


async def test_a_denied_commit_is_a_trace_that_ends_in_an_error(receiver: Receiver, teams: Teams) -> None:
    team = await teams(clusters=("east",))
    await team.push({"apps/web/cm.yaml": config_map("c", namespace="kube-system")})
    await team.deploy("web")
    await team.stuck("web", "Denied")

    def closed(found: list[Received]) -> list[Received]:
        return [s for s in found if s.name == "deliver" and s.application == f"{team.hub_namespace}/web"]

    (root,) = await receiver.until("the trace is closed", closed)
    assert root.error == "Denied"
    steps = {span.name: span for span in receiver.spans if span.parent == root.id}
    assert steps.keys() == {"fetch", "render", "authorise"}
    assert {name: span.error for name, span in steps.items()} == {"fetch": "", "render": "", "authorise": "Denied"}


async def test_a_trace_goes_on_over_ends_and_new_beginnings(receiver: Receiver, system: System, team: Team) -> None:
    await team.push({"apps/web/cm.yaml": config_map("c")})
    for name in MEMBERS:
        await system.stop(f"agent-{name}")
    await team.deploy("web")
    await team.hub.until_all(
        "it is dispatched", "Work", lambda found: len(found) == len(MEMBERS) and found,
        labels=f"controlplane.dev/tenant={team.name},controlplane.dev/application=web",
    )  # fmt: skip
    await team.sees("waits for its clusters", "web", lambda body: body["status"]["clusters"]["total"] == len(MEMBERS))
    for process in ("hub", *(f"agent-{name}" for name in MEMBERS)):
        await system.stop(process)
        await system.start(process)
    await team.ready("web")
    spans = await trace_of(receiver, team, "web")
    (root,) = [span for span in spans if not span.parent]
    sent = {span.id for span in spans if span.name == "dispatch"}
    assert {span.parent for span in spans if span.service == AGENT} == sent
    assert {span.parent for span in spans if span.name == "dispatch"} == {root.id}


async def test_a_receiver_that_never_answers_holds_up_nothing(
    receiver: Receiver, system: System, east_team: Team
) -> None:
    asked = receiver.asked
    receiver.deaf = True
    await east_team.push({"apps/web/cm.yaml": config_map("c")})
    await east_team.deploy("web")
    await east_team.ready("web")
    await receiver.until("it was told", lambda _: receiver.asked > asked)
    await east_team.push({"apps/web/cm.yaml": config_map("c", {"value": "two"})})
    await east_team.ready("web")
    marks = system.marks()
    await system.stop("hub")
    assert '"message":"stopped"' in system.said_since(marks)["hub"]  # by itself, and not because it was killed
    await system.start("hub")
    receiver.deaf = False


async def test_each_line_of_a_reconcile_says_what_it_is_about(
    receiver: Receiver, system: System, east_team: Team
) -> None:
    marks = system.marks()
    await east_team.push({"apps/web/web.yaml": deployment("web")})
    await east_team.deploy("web")
    await east_team.ready("web")
    await east_team.member.kubectl("scale", "-n", east_team.name, "deployment/web", "--replicas=1")
    await east_team.member.until(
        "web is healed", "Deployment", "web",
        lambda body: body and body["spec"]["replicas"] == 0, namespace=east_team.name,
    )  # fmt: skip
    body = await east_team.application("web")
    assert body
    about = {
        "application": f"{east_team.hub_namespace}/web", "cluster": "east", "revision": f"main@sha1:{east_team.head}",
        "trace": trace_name(body["metadata"]["uid"], east_team.head), "tenant": east_team.name,
    }  # fmt: skip
    lines = healed_lines(system, marks)
    assert lines
    for line in lines:
        assert {key: line.get(key) for key in about} == about
        assert line["reconcile"]


def healed_lines(system: System, marks: dict[str, int]) -> list[dict[str, object]]:
    """What the agent of east said of heals since."""
    said = system.said_since(marks)["agent-east"].splitlines()
    return [line for text in said if (line := json.loads(text))["message"] == "healed"]
