"""Which built-in kinds have no namespace, and of which nothing is known."""

import pytest

from controlplane.api.scope import is_namespaced


@pytest.mark.parametrize(
    ("group", "kind", "expected"),
    [
        ("", "Namespace", False),
        ("", "Pod", True),
        ("apps", "Deployment", True),
        ("rbac.authorization.k8s.io", "ClusterRole", False),
        ("rbac.authorization.k8s.io", "Role", True),
        ("apiextensions.k8s.io", "CustomResourceDefinition", False),
        ("controlplane.dev", "Tenant", False),
        ("controlplane.dev", "Application", True),
        ("cert-manager.io", "ClusterIssuer", None),
        ("cert-manager.io", "Certificate", None),
    ],
)
def test_scope(group: str, kind: str, expected: bool | None) -> None:
    assert is_namespaced(group, kind) is expected
