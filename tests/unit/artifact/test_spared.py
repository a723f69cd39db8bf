"""Which objects say of themselves that nobody is to delete them."""

from typing import Any

import pytest

from controlplane.artifact.spared import is_spared


@pytest.mark.parametrize(
    ("annotations", "spared"),
    [
        ({"controlplane.dev/prune": "false"}, True),
        ({"controlplane.dev/prune": "true"}, False),
        ({"controlplane.dev/prune": False}, False),
        ({"kustomize.toolkit.fluxcd.io/prune": "disabled"}, True),
        ({"kustomize.toolkit.fluxcd.io/prune": "enabled"}, False),
        ({"argocd.argoproj.io/sync-options": "Prune=false"}, True),
        ({"argocd.argoproj.io/sync-options": "Validate=false, Prune=false"}, True),
        ({"argocd.argoproj.io/sync-options": "Prune=true,PruneLast=false"}, False),
        ({"argocd.argoproj.io/sync-options": ["Prune=false"]}, False),
        ({}, False),
        (None, False),
        ("controlplane.dev/prune", False),
    ],
)
def test_is_spared(annotations: Any, spared: bool) -> None:
    assert is_spared({"metadata": {"annotations": annotations}}) is spared


@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": ["x"]}])
def test_what_has_no_metadata_is_not(body: dict[str, Any]) -> None:
    assert not is_spared(body)
