"""What the hub counts of the way from a commit to Ready. docs/observability.md tells each, with alerts.

Tenants are labels of at most MOST_NAMES values; the rest counts as `other`.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from controlplane.api.keys import ClusterName
from controlplane.hub.rollup import is_ready
from controlplane.hub.world import World
from controlplane.telemetry.metrics import OTHER, Bounded, bounded, counter, gauges, histogram

__all__ = ["ARTIFACTS", "COMMIT_TO_READY", "FETCHES", "WEBHOOKS", "counts_of", "delivered", "refused", "stepped"]

COMMIT_TO_READY = histogram(
    "commit_to_ready_seconds",
    "From the fetch that brought a commit until an Application was Ready at it.",
    buckets=(0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0),
)
FETCHES = counter("fetches", "Fetches of Repositories, by outcome: ok, or the reason of the failure.", "outcome")
ARTIFACTS = counter("artifacts_served", "Requests of agents for artifacts, by HTTP status.", "code")
WEBHOOKS = counter("webhooks", "Push webhooks, by HTTP status: 202 was taken, 401 had no valid signature.", "code")

_deliveries = counter("deliveries", "Works written with new content: one for each cluster.", "tenant")
_refusals = counter("refusals", "Commits of Applications that did not go out, by reason.", "tenant", "reason")
_denials = counter("denials", "Commits of Applications that the policy gate denied.", "tenant")
_steps = histogram(
    "step_duration_seconds", "How long a step of the hub took: fetch, render, authorise, dispatch.", "step"
)
_tenants, _reasons = Bounded(), Bounded()


def delivered(tenant: str) -> None:
    """Something went out to a cluster."""
    _deliveries.labels(_tenants(tenant)).inc()


def refused(tenant: str, reason: str) -> None:
    """A commit was tried, and does not go out."""
    _refusals.labels(_tenants(tenant), _reasons(reason)).inc()
    if reason.endswith("Denied"):
        _denials.labels(_tenants(tenant)).inc()


def stepped(step: str, took_s: float) -> None:
    """A step ended."""
    _steps.labels(step).observe(max(took_s, 0.0))


def counts_of(world: World, online: Callable[[ClusterName], bool]) -> None:
    """Tell with each scrape what there is in a World: that of the hub of this process."""

    def applications() -> Iterable[tuple[tuple[str, ...], float]]:
        of: Counter[str] = Counter()
        ready: Counter[str] = Counter()
        for application in world.applications:
            tenant = application.metadata.namespace.removeprefix("tenant-")
            of[tenant] += 1
            ready[tenant] += is_ready(application)
        total = bounded(of)
        good: Counter[str] = Counter()
        for tenant, count in ready.items():
            good[tenant if tenant in total else OTHER] += count
        for tenant, all_of_it in total.items():
            yield (tenant, "true"), good[tenant]
            yield (tenant, "false"), all_of_it - good[tenant]

    def clusters() -> Iterable[tuple[tuple[str, ...], float]]:
        names = [ClusterName(cluster.metadata.name) for cluster in world.clusters]
        there = sum(map(online, names))
        yield ("true",), there
        yield ("false",), len(names) - there

    gauges("applications", "Applications, by tenant and whether they are Ready.", ("tenant", "ready"), applications)
    gauges("clusters", "Clusters, by whether their agent was heard of of late.", ("online",), clusters)
    gauges("tenants", "Tenants.", (), lambda: [((), len(world.tenants))])
    gauges("works", "Works: Applications and grounds on clusters.", (), lambda: [((), len(world.works))])
