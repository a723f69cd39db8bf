"""The rows of the lists."""

from typing import Any

import pytest

from controlplane.cli.listings import (
    APPLICATION_LIST,
    CLUSTER_LIST,
    REPOSITORY_LIST,
    TENANT_LIST,
    Listing,
    revision,
    selector_text,
)
from controlplane.kube.request import Body
from tests.unit.cli.bodies import REVISION, an_app, cluster_of, snapshot_of, tenant_of


def cells(listing: Listing, body: Body) -> dict[str, str]:
    (table,) = listing.view(snapshot_of(body)).tables
    (row,) = table.rows
    return dict(zip(table.headers, (cell.text for cell in row), strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [(REVISION, "main@4f1c2d9"), ("", ""), ("release/1@sha1:0123456789", "release/1@0123456"), ("v1.0.0", "v1.0.0")],
)
def test_a_revision_as_people_say_it(text: str, expected: str) -> None:
    assert revision(text) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, "none"),
        ({}, "all"),
        ({"names": ["east", "west"]}, "east,west"),
        ({"names": []}, "none"),
        (
            {"matchLabels": {"env": "prod"}, "matchExpressions": [{"key": "gpu", "operator": "Exists"}]},
            "env=prod gpu Exists",
        ),
        ({"matchExpressions": [{"key": "r", "operator": "In", "values": ["a", "b"]}]}, "r In (a,b)"),
    ],
)
def test_a_selector_in_words(selector: Body | None, expected: str) -> None:
    assert selector_text(selector) == expected


def test_an_application_in_a_row() -> None:
    body = an_app(
        commit={"message": "Greet louder"}, clusters={"total": 2, "ready": 1}, children={"total": 0, "ready": 0}
    )
    row = cells(APPLICATION_LIST, body)
    assert (row["TENANT"], row["NAME"], row["READY"]) == ("payments", "web", "True")
    assert (row["CLUSTERS"], row["CHILDREN"], row["REVISION"], row["COMMIT"]) == (
        "1/2",
        "-",
        "main@4f1c2d9",
        "Greet louder",
    )


@pytest.mark.parametrize(
    ("body", "state"),
    [
        pytest.param(an_app(), "", id="nothing to say"),
        pytest.param(an_app(spec={"suspend": {"by": "robin"}}), "Suspended by robin", id="suspended by somebody"),
        pytest.param(an_app(spec={"suspend": {}}), "Suspended", id="suspended by nobody in particular"),
        pytest.param(an_app(held={"token": "t"}), "Held", id="held"),
        pytest.param(an_app(conditions=[{"type": "Stalled", "status": "True"}]), "Stalled", id="stuck"),
        pytest.param(an_app(conditions=[{"type": "Reconciling", "status": "True"}]), "Reconciling", id="under way"),
    ],
)
def test_what_a_person_would_want_to_know_first(body: Body, state: str) -> None:
    assert cells(APPLICATION_LIST, body)["STATE"] == state


def test_an_application_that_goes_says_so() -> None:
    body = an_app()
    body["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:00Z"
    assert cells(APPLICATION_LIST, body)["STATE"] == "Deleting"


def test_the_platforms_own_are_listed_as_the_platforms() -> None:
    assert cells(APPLICATION_LIST, an_app("tenants", "controlplane-system"))["TENANT"] == "platform"


def test_a_repository_in_a_row() -> None:
    body: dict[str, Any] = {
        "kind": "Repository",
        "metadata": {"name": "team", "namespace": "tenant-a", "uid": "1"},
        "spec": {"url": "https://git.example.com/a/deploy.git", "suspend": True},
        "status": {"revision": REVISION, "commit": {"author": "Robin <robin@example.com>", "message": "Begin"}},
    }
    row = cells(REPOSITORY_LIST, body)
    assert (row["TENANT"], row["AUTHOR"], row["REVISION"], row["STATE"]) == (
        "a", "Robin <robin@example.com>", "main@4f1c2d9", "Suspended",
    )  # fmt: skip


def test_a_repository_whose_policies_were_refused_says_so() -> None:
    body: dict[str, Any] = {
        "kind": "Repository",
        "metadata": {"name": "platform", "namespace": "controlplane-system", "uid": "1"},
        "spec": {"url": "https://git.example.com/platform.git"},
        "status": {"conditions": [{"type": "Policies", "status": "False", "reason": "Refused"}]},
    }
    assert cells(REPOSITORY_LIST, body)["STATE"] == "Policies refused"


def test_a_tenant_and_a_cluster_in_a_row() -> None:
    tenant = cells(TENANT_LIST, tenant_of("payments"))
    assert (tenant["SELECTS"], tenant["CLUSTERS"], tenant["APPS"], tenant["NAMESPACES"]) == (
        "env=prod",
        "2",
        "3",
        "payments",
    )
    cluster = cells(CLUSTER_LIST, cluster_of("east", env="prod"))
    assert (cluster["AGENT"], cluster["OBJECTS"], cluster["LABELS"]) == ("0.1.0", "12", "env=prod")


@pytest.mark.parametrize("listing", [APPLICATION_LIST, REPOSITORY_LIST, TENANT_LIST, CLUSTER_LIST])
def test_objects_that_nobody_has_looked_at_yet_are_listed_too(listing: Listing) -> None:
    body = {
        "kind": listing.resource.kind,
        "metadata": {"name": "new", "namespace": "tenant-a", "uid": "1"},
        "spec": {"url": "https://git.example.com/a.git", "source": {"repository": "team"}},
    }
    assert cells(listing, body)["READY"] == "-"


def test_a_list_is_what_kubectl_would_give() -> None:
    document = APPLICATION_LIST.view(snapshot_of(an_app())).document
    assert (document["kind"], document["items"][0]["metadata"]["name"]) == ("List", "web")
