"""What Prometheus reads of hub and agents is what happened."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.receiver import told_to
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

Sample = tuple[str, frozenset[tuple[str, str]]]


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.values: dict[Sample, float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that have these labels; 0 where there is none."""
        wanted = set(labels.items())
        return sum(value for (found, has), value in self.values.items() if found == name and wanted <= has)


@pytest.fixture(scope="module")
async def fresh(system: System) -> AsyncIterator[System]:
    """Hub and agents that have not counted yet: a label has room for the tests' tenants."""
    async with told_to(system):
        yield system


async def scrape(system: System, process: str) -> Metrics:
    facts = system.facts
    url = (facts["hub"] if process == "hub" else facts["clusters"][process])["metrics"]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session, session.get(url) as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return Metrics(await response.text())


async def test_deliveries_and_the_way_to_ready(fresh: System, team: Team) -> None:
    hub, east = await scrape(fresh, "hub"), await scrape(fresh, "east")
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    after, there = await scrape(fresh, "hub"), await scrape(fresh, "east")
    assert after("controlplane_deliveries_total", tenant=team.name) == 2  # a Work on each of two clusters
    assert after("controlplane_commit_to_ready_seconds_count") == hub("controlplane_commit_to_ready_seconds_count") + 1
    assert after("controlplane_applications", tenant=team.name, ready="true") == 1
    assert after("controlplane_applications", tenant=team.name, ready="false") == 0
    assert after("controlplane_clusters", online="true") >= 2
    assert (
        after("controlplane_artifacts_served_total", code="200")
        == hub("controlplane_artifacts_served_total", code="200") + 2
    )
    assert after("controlplane_webhooks_total", code="202") > hub("controlplane_webhooks_total", code="202")
    assert after("controlplane_fetches_total", outcome="ok") > hub("controlplane_fetches_total", outcome="ok")
    assert after("controlplane_step_duration_seconds_count", step="dispatch") == (
        hub("controlplane_step_duration_seconds_count", step="dispatch") + 2
    )
    assert (
        there("controlplane_artifacts_fetched_total", outcome="ok") == east("controlplane_artifacts_fetched_total") + 1
    )
    assert there("controlplane_objects_applied_total", outcome="ok") > east(
        "controlplane_objects_applied_total", outcome="ok"
    )

    await team.push({"apps/web/cm.yaml": config_map("c", {"value": "two"})})
    await team.ready("web")
    assert (await scrape(fresh, "hub"))("controlplane_deliveries_total", tenant=team.name) == 4


async def test_a_heal_is_counted_and_timed(fresh: System, east_team: Team) -> None:
    await east_team.push({"apps/web/web.yaml": deployment("web")})
    await east_team.deploy("web")
    await east_team.ready("web")
    before = await scrape(fresh, "east")
    assert before("controlplane_drift_heals_total", tenant=east_team.name) == 0
    await east_team.member.kubectl("scale", "-n", east_team.name, "deployment/web", "--replicas=1")
    await east_team.hub.until_all(
        "the Work tells of the healing", "Work",
        lambda found: [w for w in found if w["status"].get("drift", {}).get("healed") == 1],
        namespace="cluster-east", labels=f"controlplane.dev/tenant={east_team.name}",
    )  # fmt: skip
    after = await scrape(fresh, "east")
    assert after("controlplane_drifts_total", tenant=east_team.name) == 1
    assert after("controlplane_drift_heals_total", tenant=east_team.name) == 1
    assert after("controlplane_drift_heal_seconds_count") == before("controlplane_drift_heal_seconds_count") + 1


async def test_a_denial_is_counted_once_however_often_it_is_looked_at(fresh: System, teams: Teams) -> None:
    team = await teams(clusters=("east",))
    await team.push({"apps/web/cm.yaml": config_map("c", namespace="kube-system")})
    await team.deploy("web")
    await team.stuck("web", "Denied")
    await team.change("web", {"metadata": {"annotations": {"example.com/look": "again"}}})
    await fresh.heartbeats("east")
    hub = await scrape(fresh, "hub")
    assert hub("controlplane_denials_total", tenant=team.name) == 1
    assert hub("controlplane_refusals_total", tenant=team.name, reason="Denied") == 1
    assert hub("controlplane_deliveries_total", tenant=team.name) == 0
    assert hub("controlplane_applications", tenant=team.name, ready="false") == 1


async def test_queues_requests_and_the_process_are_told_of_all(fresh: System) -> None:
    for process, queues, servers in (
        ("hub", {"repositories", "applications", "tenants", "clusters", "status", "policies"}, {"hub"}),
        ("east", {"works", "reports"}, {"hub", "member"}),
    ):
        metrics = await scrape(fresh, process)
        told = {dict(labels)["queue"] for name, labels in metrics.values if name == "controlplane_queue_keys"}
        assert told == queues
        for queue in queues - {"policies"}:  # the environment names no repository of policies
            assert metrics("controlplane_reconciles_total", queue=queue, outcome="ok") > 0
            assert metrics("controlplane_reconcile_duration_seconds_count", queue=queue) > 0
        for server in servers:
            assert metrics("controlplane_api_requests_total", server=server, code="200") > 0
        assert metrics("process_resident_memory_bytes") > 1 << 20


async def test_metrics_stand_on_no_other_port(fresh: System) -> None:
    facts = fresh.facts
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        for site in ("api", "artifacts"):
            async with session.get(f"{facts[site]['url']}/metrics") as response:
                assert response.status == 404
