"""Requests as values: paths, queries, content types, impersonation."""

import pytest

from controlplane.api.keys import NamespacedName
from controlplane.kube.request import (
    apply_request,
    create_request,
    delete_request,
    get_request,
    impersonation,
    list_request,
    patch_request,
    replace_request,
    watch_request,
)
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES, SERVICE_ACCOUNTS

BODY = {"metadata": {"name": "a", "namespace": "ns"}}


def test_targets() -> None:
    made = [
        get_request(CONFIGMAPS, "a", "ns", metadata_only=True),
        list_request(CONFIGMAPS, label_selector="a in (b,c)", field_selector="metadata.name=x", limit=5),
        watch_request(CONFIGMAPS, resource_version="7", timeout_s=60),
        apply_request(CONFIGMAPS, BODY, field_manager="m", validation="Strict", subresource="status"),
        apply_request(CONFIGMAPS, b"{}", field_manager="m", name="a", namespace="ns"),
        create_request(CONFIGMAPS, {}, "ns", field_manager="m", dry_run=True),
        create_request(SERVICE_ACCOUNTS, {}, "ns", name="a", subresource="token"),
        replace_request(NAMESPACES, BODY, dry_run=True),
        patch_request(CONFIGMAPS, "a", [], "ns", kind="json", dry_run=True),
        delete_request(CONFIGMAPS, "a", "ns"),
    ]
    assert [f"{m.method} {m.target}" for m in made] == [
        "GET /api/v1/namespaces/ns/configmaps/a",
        "GET /api/v1/configmaps?labelSelector=a+in+%28b%2Cc%29&fieldSelector=metadata.name%3Dx&limit=5",
        "GET /api/v1/configmaps?watch=1&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=60",
        "PATCH /api/v1/namespaces/ns/configmaps/a/status?fieldManager=m&fieldValidation=Strict",
        "PATCH /api/v1/namespaces/ns/configmaps/a?fieldManager=m",
        "POST /api/v1/namespaces/ns/configmaps?fieldManager=m&dryRun=All",
        "POST /api/v1/namespaces/ns/serviceaccounts/a/token",
        "PUT /api/v1/namespaces/a?dryRun=All",
        "PATCH /api/v1/namespaces/ns/configmaps/a?dryRun=All",
        "DELETE /api/v1/namespaces/ns/configmaps/a",
    ]
    assert made[0].accept.startswith("application/json;as=PartialObjectMetadata;")
    assert made[8].content_type == "application/json-patch+json"


def test_bytes_go_out_as_they_are_and_carry_their_own_uid() -> None:
    assert apply_request(CONFIGMAPS, b"{ }", field_manager="m", name="a", namespace="ns").body == b"{ }"
    with pytest.raises(ValueError, match="bytes"):
        apply_request(CONFIGMAPS, b"{}", field_manager="m", name="a", namespace="ns", uid="u")
    with pytest.raises(ValueError, match="bytes"):
        apply_request(CONFIGMAPS, b"{}", field_manager="m")


def test_preconditions_of_a_delete() -> None:
    body = delete_request(CONFIGMAPS, "a", "ns", resource_version="7", dry_run=True).body
    assert body is not None
    assert b'"preconditions":{"resourceVersion":"7"}' in body
    assert b'"dryRun":["All"]' in body


def test_impersonation_is_the_user_alone() -> None:
    assert impersonation(NamespacedName("ns", "sa")) == {"Impersonate-User": "system:serviceaccount:ns:sa"}
