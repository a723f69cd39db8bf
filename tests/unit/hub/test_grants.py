"""By what an Application leaves a cluster: a selection is held, the platform's word is not."""

from typing import Any

import pytest

from controlplane.api.keys import ClusterName
from controlplane.api.labels import ANNOTATION_CLUSTER_LABELS, ANNOTATION_GONE
from controlplane.hub.dispatch import labels_hash
from controlplane.hub.grants import Grants
from controlplane.hub.world import World
from tests.unit.hub.objects import application, work

EAST = ClusterName("east")
PROD = {"env": "prod"}


def holds(
    *, cluster: dict[str, Any] | None = None, tenant: dict[str, Any] | None = None, labels: dict[str, str] | None = None,
    seen: dict[str, str] | None = PROD, namespace: str = "tenant-payments",
) -> bool:  # fmt: skip
    """cluster, tenant: metadata and spec; labels: of the cluster now; seen: when the Work was written."""
    world = World()
    if cluster is not None:
        world.clusters.put({"metadata": {"name": EAST, "labels": labels or PROD, **cluster}, "spec": {}})
    if tenant is not None:
        metadata = {"name": "payments", "resourceVersion": "1"} | tenant.pop("metadata", {})
        world.tenants.put({"metadata": metadata, "spec": tenant})
    there = work("east")
    if seen is not None:
        annotations = {ANNOTATION_CLUSTER_LABELS: labels_hash(seen)}
        there = there.model_copy(update={"metadata": there.metadata.model_copy(update={"annotations": annotations})})
    return Grants(world).holds(application("web", namespace), EAST, there)


GRANT = {"clusters": {"matchLabels": PROD}}
NONE = {"clusters": {"names": ["west"]}}
GOING = {"deletionTimestamp": "2026-11-23T10:00:00Z"}


@pytest.mark.parametrize(
    ("facts", "held"),
    [
        pytest.param({"cluster": {}, "tenant": GRANT}, True, id="granted still: a placement left it"),
        pytest.param({"cluster": {}, "tenant": NONE}, False, id="the same labels: the tenant lost it"),
        pytest.param({"cluster": {}, "tenant": GRANT, "labels": {"env": "test"}}, True, id="relabelled"),
        pytest.param({"cluster": {}, "tenant": NONE, "seen": None}, False, id="written by an older hub"),
        pytest.param({"cluster": None, "tenant": GRANT}, False, id="no such cluster"),
        pytest.param({"cluster": GOING, "tenant": GRANT}, False, id="the cluster is removed"),
        pytest.param({"cluster": {"annotations": {ANNOTATION_GONE: "true"}}, "tenant": GRANT}, False, id="given up"),
        pytest.param({"cluster": {}, "tenant": None}, False, id="no such tenant"),
        pytest.param({"cluster": {}, "tenant": {**GRANT, "metadata": GOING}}, False, id="the tenant is removed"),
        pytest.param({"cluster": {}, "namespace": "controlplane-system"}, True, id="the platform may go anywhere"),
    ],
)
def test_holds(facts: dict[str, Any], held: bool) -> None:
    assert holds(**facts) is held
