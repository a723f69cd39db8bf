"""How fast the gate decides: 1,000 tenants with 12 rules each, cached and cold. `python -m bench.gate` prints JSON.

CPU seconds of this process, not the clock: what is measured is arithmetic, and other work on the machine does not change
how much of it there is.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable

from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName, Digest, NamespacedName, TenantName
from controlplane.api.manifest import Manifest
from controlplane.api.names import tenant_namespace
from controlplane.api.tenant import Tenant
from controlplane.policy.compile import compile_tenant
from controlplane.policy.gate import Delivery, Target, authorise
from controlplane.policy.policy import Policy
from controlplane.policy.rules import builtin_rules

__all__ = ["main", "measure"]

TENANTS = 1_000
FIRST = ("apps/Deployment", "core/Service", "core/ConfigMap", "batch/Job", "core/Secret")
SECOND = ("apps/StatefulSet", "core/Pod", "core/ServiceAccount", "batch/CronJob", "core/PersistentVolumeClaim")
OBJECTS = (("v1", "ServiceAccount"), ("v1", "Service"), ("apps/v1", "Deployment"), ("v1", "ConfigMap"))


def measure() -> dict[str, float]:
    """Every number of the budget table's line `policy gate`, and what a change of policy costs. Rates are per second."""
    tenants = [_tenant(number) for number in range(TENANTS)]
    names = [TenantName(tenant.metadata.name) for tenant in tenants]
    clusters = [Cluster.model_validate({"metadata": {"name": f"c{n}", "labels": {"env": "prod"}}}) for n in range(10)]
    policy = Policy.of(tenants, clusters)
    rules = sum(len(compile_tenant(t, policy.clusters_of(n))) for t, n in zip(tenants, names, strict=True))
    questions = TENANTS * len(FIRST)
    one_by_one = [_delivery(names[7], f"a{n}", OBJECTS) for n in range(1_000)]
    large = _delivery(names[7], "large", [each for _ in range(500) for each in OBJECTS])
    of_each = [_delivery(name, "web", OBJECTS) for name in names]
    return {
        "tenants": TENANTS,
        "rules": rules + len(builtin_rules().grants),
        "decisions_cold_with_compilation": questions / _cpu_s(lambda: _ask(policy, names, FIRST)),
        "decisions_cold": questions / _cpu_s(lambda: _ask(policy, names, SECOND)),
        "decisions_cached": 10 * questions / _cpu_s(lambda: _ask(policy, names * 10, FIRST)),
        "objects_cached_4_per_delivery": 4_000 / _cpu_s(lambda: _authorise(policy, one_by_one)),
        "objects_cached_2000_per_delivery": 20_000 / _cpu_s(lambda: _authorise(policy, [large] * 10)),
        "new_policy_commit_all_compiled_and_asked_s": _cpu_s(
            lambda: _authorise(policy.with_rules(builtin_rules()), of_each)
        ),
        "tenant_changed_s": _cpu_s(lambda: policy.with_tenant(_tenant(7, hosts=[]))),
        "cluster_joined_s": _cpu_s(
            lambda: policy.with_cluster(
                Cluster.model_validate({"metadata": {"name": "new", "labels": {"env": "prod"}}})
            )
        ),
        "resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> int:
    """Measure and print."""
    json.dump({name: round(value, 4) for name, value in measure().items()}, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


def _tenant(number: int, **spec: object) -> Tenant:
    name = f"t{number}"
    whole = {
        "sources": [{"url": f"https://git.example.com/{name}/**"}, {"url": f"https://mirror.example.com/{name}/*"}],
        "clusters": {"matchLabels": {"env": "prod"}},
        "namespaces": [{"name": name}, {"name": f"{name}-db"}],
        "resources": {"deny": [{"group": "networking.k8s.io", "kinds": ["Ingress"]}]},
        "hosts": [f"*.{name}.example.com"],
    }
    return Tenant.model_validate({"metadata": {"name": name}, "spec": whole | spec})


def _delivery(tenant: TenantName, name: str, objects: Iterable[tuple[str, str]]) -> Delivery:
    manifests = tuple(
        Manifest.of({"apiVersion": api, "kind": kind, "metadata": {"name": f"{name}-{n}", "namespace": tenant}})
        for n, (api, kind) in enumerate(objects)
    )
    return Delivery(
        application=NamespacedName(tenant_namespace(tenant), name),
        tenant=tenant,
        source=f"https://git.example.com/{tenant}/deploy.git",
        targets=(Target(ClusterName("c0"), Digest("sha256:" + "0" * 64), manifests),),
    )


def _ask(policy: Policy, tenants: Iterable[TenantName], kinds: Iterable[str]) -> None:
    for tenant in tenants:
        for kind in kinds:
            policy.decide(tenant, "kinds", "deploy", kind)


def _authorise(policy: Policy, deliveries: Iterable[Delivery]) -> None:
    for delivery in deliveries:
        authorise(policy, delivery)


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
