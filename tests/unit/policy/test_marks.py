"""No object of a tenant's bears the platform's labels, annotations or names."""

from typing import Any

import pytest

from controlplane.api.keys import TenantName
from controlplane.api.labels import (
    ANNOTATION_HOOK,
    ANNOTATION_HOOK_DELETE,
    ANNOTATION_REPLACE,
    ANNOTATION_WAVE,
    LABEL_OWNER,
    LABEL_TENANT,
)
from controlplane.api.manifest import Manifest
from controlplane.policy.denial import DenialReason
from controlplane.policy.marks import objections
from controlplane.policy.objection import Bounds
from tests.objects import a_manifest

BOUNDS = Bounds(TenantName("payments"), lambda _: True, lambda _: "")
MARK = {"labels": {LABEL_OWNER: "0" * 32}}
TEMPLATE = {"template": {"metadata": MARK}}


def reasons(manifest: Manifest) -> list[DenialReason]:
    return [found.reason for found in objections(manifest, BOUNDS)]


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": MARK},
        {"metadata": {"labels": {LABEL_TENANT: "payments"}}},
        {"metadata": {"annotations": {"controlplane.dev/approve": "x"}}},
        {"metadata": {"labels": {"sub.controlplane.dev/x": "y"}}},
        {"metadata": {"labels": {ANNOTATION_REPLACE: "true"}}},
        {"spec": TEMPLATE},
        {"spec": {"jobTemplate": {"metadata": MARK}}},
        {"spec": {"jobTemplate": {"spec": TEMPLATE}}},
        {"spec": {"volumeClaimTemplates": [{"metadata": MARK}]}},
    ],
    ids=str,
)
def test_a_mark_of_the_platforms(body: dict[str, Any]) -> None:
    assert reasons(a_manifest(**body)) == [DenialReason.MARK]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": {"labels": None, "annotations": None}},
        {"metadata": {"annotations": {ANNOTATION_REPLACE: "true"}}},
        {
            "metadata": {
                "annotations": {ANNOTATION_WAVE: "1", ANNOTATION_HOOK: "sync", ANNOTATION_HOOK_DELETE: "failed"}
            }
        },
        {"metadata": {"labels": {"app": "controlplane.dev", "notcontrolplane.dev/x": "y"}}},
        {"spec": "text"},
        {"spec": {"template": {"metadata": None}, "jobTemplate": None, "volumeClaimTemplates": "x"}},
    ],
    ids=str,
)
def test_what_is_no_mark(body: dict[str, Any]) -> None:
    assert reasons(a_manifest(**body)) == []


@pytest.mark.parametrize(
    ("kind", "name", "api", "expected"),
    [
        ("RoleBinding", "controlplane-tenant", "rbac.authorization.k8s.io/v1", True),
        ("RoleBinding", "controlplane-tenant-rbac", "rbac.authorization.k8s.io/v1", True),
        ("NetworkPolicy", "controlplane", "networking.k8s.io/v1", True),
        ("ResourceQuota", "controlplane", "v1", True),
        ("LimitRange", "controlplane", "v1", True),
        ("NetworkPolicy", "web", "networking.k8s.io/v1", False),
        ("ConfigMap", "controlplane", "v1", False),
    ],
)
def test_names_of_the_ground(kind: str, name: str, api: str, expected: bool) -> None:
    assert bool(reasons(a_manifest(kind, name, "payments", api))) is expected
