"""The order of kinds: what others need comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.phases import Phase, in_phases, phase_of
from controlplane.agent.sight import SIGHT
from controlplane.api.keys import ObjectKey

NAMESPACE = ObjectKey("", "Namespace", "", "shop")
CRD = ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "widgets.example.com")
CONFIG = ObjectKey("", "ConfigMap", "shop", "settings")
ROLE = ObjectKey("rbac.authorization.k8s.io", "Role", "shop", "reader")
BINDING = ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "shop", "reader")
DEPLOYMENT = ObjectKey("apps", "Deployment", "shop", "web")
WIDGET = ObjectKey("example.com", "Widget", "shop", "w")
WEBHOOK = ObjectKey("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "", "guard")
ALL = (NAMESPACE, CRD, CONFIG, ROLE, BINDING, DEPLOYMENT, WIDGET, WEBHOOK)


@pytest.mark.parametrize(
    ("key", "phase"),
    [
        (NAMESPACE, Phase.GROUND),
        (CRD, Phase.GROUND),
        (CONFIG, Phase.MEANS),
        (ROLE, Phase.MEANS),
        (BINDING, Phase.WORKLOADS),
        (DEPLOYMENT, Phase.WORKLOADS),
        (ObjectKey("networking.k8s.io", "Ingress", "shop", "web"), Phase.WORKLOADS),
        (ObjectKey("gateway.networking.x-k8s.io", "Route", "shop", "web"), Phase.CUSTOM),
        (WIDGET, Phase.CUSTOM),
        (WEBHOOK, Phase.GATES),
        (ObjectKey("apiregistration.k8s.io", "APIService", "", "v1.metrics"), Phase.GATES),
    ],
    ids=str,
)
def test_a_kind_has_its_phase(key: ObjectKey, phase: Phase) -> None:
    assert phase_of(key.group, key.kind) is phase


def test_apply_begins_with_namespaces_and_kinds_and_ends_with_webhooks() -> None:
    assert in_phases(reversed(ALL)) == (
        (NAMESPACE, CRD),
        (CONFIG, ROLE),
        (DEPLOYMENT, BINDING),
        (WIDGET,),
        (WEBHOOK,),
    )


def test_removal_goes_the_other_way() -> None:
    assert in_phases(ALL, removal=True) == tuple(reversed(in_phases(ALL)))


@given(st.lists(st.sampled_from(ALL), unique=True), st.booleans())
def test_every_key_stands_in_one_phase(keys: list[ObjectKey], removal: bool) -> None:
    phases = in_phases(keys, removal=removal)
    assert sorted(key for phase in phases for key in phase) == sorted(keys)
    assert all(phases)


def test_a_wave_comes_before_any_kind() -> None:
    waves = {NAMESPACE: 5, WEBHOOK: -1}
    expected = ((WEBHOOK,), (CONFIG,), (DEPLOYMENT,), (NAMESPACE,))
    assert in_phases((NAMESPACE, WEBHOOK, CONFIG, DEPLOYMENT), waves) == expected
    assert in_phases((NAMESPACE, WEBHOOK, CONFIG, DEPLOYMENT), waves, removal=True) == tuple(reversed(expected))


def test_what_a_namespace_is_seen_by_comes_right_after_it_and_goes_right_before_it() -> None:
    sight = ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "shop", SIGHT)
    keys = (BINDING, sight, CONFIG, NAMESPACE)
    assert in_phases(keys) == ((NAMESPACE,), (sight,), (CONFIG,), (BINDING,))
    assert in_phases(keys, removal=True) == ((BINDING,), (CONFIG,), (sight,), (NAMESPACE,))
