"""Which Application a person means by a name."""

import pytest

from controlplane.cli.errors import CliError
from controlplane.cli.find import application, reference
from tests.unit.cli.bodies import an_app
from tests.unit.kube.fake_api import api_and_client, reply


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("web", "", ("", "web")),
        ("web", "tenant-a", ("tenant-a", "web")),
        ("tenant-a/web", "", ("tenant-a", "web")),
        ("a/web", "", ("tenant-a", "web")),
        ("platform/tenants", "", ("controlplane-system", "tenants")),
        ("controlplane-system/tenants", "", ("controlplane-system", "tenants")),
        ("tenant-a/web", "tenant-a", ("tenant-a", "web")),
    ],
)
def test_a_name_may_carry_its_namespace(name: str, namespace: str, expected: tuple[str, str]) -> None:
    assert reference(name, namespace) == expected


@pytest.mark.parametrize(("name", "namespace"), [("a/", ""), ("/a", ""), ("a/b/c", ""), ("tenant-a/web", "tenant-b")])
def test_what_names_no_application_is_refused(name: str, namespace: str) -> None:
    with pytest.raises(CliError):
        reference(name, namespace)


async def test_the_only_one_of_a_name_is_found_without_its_namespace() -> None:
    listing = {"items": [an_app("web")], "metadata": {"resourceVersion": "1"}}
    async with api_and_client(reply(listing)) as (api, client):
        found = await application(client, "web", "")
    assert found["metadata"]["namespace"] == "tenant-payments"
    assert api.seen[0].query["fieldSelector"] == "metadata.name=web"


async def test_several_of_a_name_are_told_apart_by_the_person() -> None:
    listing = {"items": [an_app("web", "tenant-b"), an_app("web", "tenant-a")], "metadata": {"resourceVersion": "1"}}
    async with api_and_client(reply(listing)) as (_, client):
        with pytest.raises(CliError, match="tenant-a/web, tenant-b/web"):
            await application(client, "web", "")


@pytest.mark.parametrize(
    ("namespace", "answer", "status", "says"),
    [
        pytest.param("", {"items": [], "metadata": {}}, 200, "cpctl app list", id="none anywhere"),
        pytest.param(
            "", {"kind": "Status", "code": 403, "reason": "Forbidden"}, 403, "--tenant", id="may not look everywhere"
        ),
        pytest.param(
            "tenant-a",
            {"kind": "Status", "code": 404, "reason": "NotFound", "details": {"name": "web", "kind": "applications"}},
            404,
            "cpctl app list -n tenant-a",
            id="none there",
        ),
    ],
)
async def test_what_is_not_found_says_where_to_look(namespace: str, answer: object, status: int, says: str) -> None:
    async with api_and_client(reply(answer, status)) as (_, client):
        with pytest.raises(CliError, match=says):
            await application(client, "web", namespace)
