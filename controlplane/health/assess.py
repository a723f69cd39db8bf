"""Which rule judges which kind, and which kinds need none.

The agent asks twice: `needs_status` before it watches a kind, as what it watches as metadata alone costs a fraction of
the memory and never brings a Secret's data into its process; and `assess` for each object that the watch shows.

Rules are found by (group, kind), without version: apps/v1 and apps/v1beta1 are one Deployment. Whose rule judges, in this
order: the Application's own (own.py), the built-in kind's (`_TABLES`), the file's for a well-known custom kind
(catalog.py), and the conditions that kstatus standardises (standard.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from controlplane.health import batch, disruption, extension, network, pods, scaling, storage, workloads
from controlplane.health.catalog import rule_for
from controlplane.health.live import Live, Provided, text_in
from controlplane.health.own import OwnRules
from controlplane.health.rule import Rule
from controlplane.health.standard import by_ready, settled, terminating, unobserved
from controlplane.health.status import HEALTHY, Health
from controlplane.health.view import view_of

__all__ = ["assess", "needs_status"]

_TABLES: Final[tuple[Mapping[tuple[str, str], Rule], ...]] = (
    workloads.RULES,
    pods.RULES,
    batch.RULES,
    storage.RULES,
    network.RULES,
    extension.RULES,
    disruption.RULES,
    scaling.RULES,
)
_RULES: Final = {key: rule for table in _TABLES for key, rule in table.items()}

# Kinds that are well as soon as they exist: they have no status, or none that says whether they work.
_WELL_AT_BIRTH: Final = frozenset(
    {
        (group, kind)
        for group, kinds in {
            "": "ConfigMap Endpoints Event LimitRange Namespace PodTemplate ResourceQuota Secret ServiceAccount",
            "admissionregistration.k8s.io": (
                "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration"
                " ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration"
            ),
            "apps": "ControllerRevision",
            "coordination.k8s.io": "Lease",
            "discovery.k8s.io": "EndpointSlice",
            "events.k8s.io": "Event",
            "networking.k8s.io": "IngressClass NetworkPolicy",
            "node.k8s.io": "RuntimeClass",
            "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding Role RoleBinding",
            "scheduling.k8s.io": "PriorityClass",
            "storage.k8s.io": "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttributesClass",
        }.items()
        for kind in kinds.split()
    }
)


def needs_status(group: str, kind: str) -> bool:
    """Whether a kind's health can be told from more than its metadata only. True for every kind that is not known here.

    group: "" for core. Where it is False, assess says the same of an object and of its PartialObjectMetadata.
    """
    return (group, kind) not in _WELL_AT_BIRTH


def assess(
    body: Any, *, now: datetime | None = None, provides: Provided = frozenset(), own: OwnRules | None = None
) -> Health:
    """Judge one live object, as the API server gave it (parsed JSON).

    body: any shape: a status of the wrong type counts as absent; nothing in it makes this raise.
    now: aware time, for the rules that need it (a Pod that finds no node, a clause with after_s); default: the clock.
    provides: what the cluster gives addresses by (LoadBalancer, Ingress). own: the rules of the object's Application.
    Health.recheck_s is set where the verdict changes with time alone.
    Source: kstatus, with the exceptions that the rules name; tests/conformance keeps the list.
    """
    live = Live.of(body, now, provides)
    if (gone := terminating(live)) is not None:
        return gone
    group = text_in(body, "apiVersion").rpartition("/")[0] if isinstance(body, dict) else ""
    key = (group, live.kind)
    if key in _WELL_AT_BIRTH:
        return HEALTHY
    if own is not None and (said := _by_own(own, group, live, body)) is not None:
        return said
    if key not in _RULES and (ruling := rule_for(*key)) is not None:
        if ruling.generations and (stale := unobserved(live)) is not None:
            return stale
        return ruling.judge(live, view_of(body, live))
    if (verdict := settled(live)) is not None:
        return verdict
    return _RULES.get(key, by_ready)(live)


def _by_own(own: OwnRules, group: str, live: Live, body: Any) -> Health | None:
    """What the Application's own rules say, of the present generation only."""
    said = own.judge(group, live, lambda: view_of(body, live))
    return (unobserved(live) or said) if said is not None else None
