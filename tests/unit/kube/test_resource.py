"""Addresses of kinds and objects; no name leads out of its path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.kube.resource import CONFIGMAPS, LEASES, NAMESPACES, TENANTS


def test_paths() -> None:
    assert CONFIGMAPS.path() == "/api/v1/configmaps"
    assert CONFIGMAPS.path("ns") == "/api/v1/namespaces/ns/configmaps"
    assert LEASES.path("ns", "a", "status") == "/apis/coordination.k8s.io/v1/namespaces/ns/leases/a/status"
    assert NAMESPACES.path("", "ns") == "/api/v1/namespaces/ns"
    assert TENANTS.path("ignored", "system:x") == "/apis/controlplane.dev/v1alpha1/tenants/system:x"
    assert (TENANTS.api_version, CONFIGMAPS.api_version) == ("controlplane.dev/v1alpha1", "v1")
    assert (str(TENANTS), str(CONFIGMAPS)) == ("tenants.controlplane.dev", "configmaps")


@pytest.mark.parametrize("name", ["..", "."])
def test_a_name_that_would_leave_its_place_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not an object's name"):
        CONFIGMAPS.path("ns", name)
    with pytest.raises(ValueError, match="not an object's name"):
        CONFIGMAPS.path(name, "a")


def test_a_namespaced_object_needs_its_namespace() -> None:
    with pytest.raises(ValueError, match="needs a namespace"):
        CONFIGMAPS.path("", "a")


@given(namespace=st.text(min_size=1), name=st.text(min_size=1))
def test_no_name_leaves_its_segment(namespace: str, name: str) -> None:
    if {namespace, name} & {".", ".."}:
        return
    try:
        path = CONFIGMAPS.path(namespace, name)
    except UnicodeEncodeError:  # half a surrogate pair is no name, and quote() says so
        return
    assert path.count("/") == 6
    assert not set(path) & set("?#\\ ")
