"""What installing a hub grants: the hub, the agents and people have no right that they do not need."""

import pytest

from controlplane.cli.bundle import documents
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.install import check_settings, platform_root
from controlplane.kube.request import Body

HUB = {"kind": "ServiceAccount", "name": "controlplane-hub", "namespace": "controlplane-system"}


def role(kind: str, name: str) -> list[Body]:
    (found,) = [b for b in documents("deploy/hub") if (b["kind"], b["metadata"]["name"]) == (kind, name)]
    return list(found["rules"])


@pytest.mark.parametrize("settings", [{}, {"git.allowInsecure": "http://127.0.0.1**"}, {"render.sandbox": "none"}])
def test_settings_that_the_hub_takes(settings: dict[str, str]) -> None:
    check_settings(settings)


@pytest.mark.parametrize("settings", [{"nonsense": "1"}, {"git.timeout": "soon"}, {"render.sandbox": "perhaps"}])
def test_a_setting_that_the_hub_would_not_take_is_refused_before_it_is_written(settings: dict[str, str]) -> None:
    (name,) = settings
    with pytest.raises(CliError, match=name) as refused:
        check_settings(settings)
    assert refused.value.code is ExitCode.USAGE


def test_the_platforms_root_is_its_repository_and_one_application() -> None:
    repository, root = platform_root("https://git.example.com/platform.git", "main")
    assert repository["spec"] == {"url": "https://git.example.com/platform.git", "ref": {"branch": "main"}}
    assert root["spec"] == {"source": {"repository": "platform", "path": "tenants"}}


def test_the_hub_reads_secrets_only_where_repositories_name_them() -> None:
    everywhere = role("ClusterRole", "controlplane-hub")
    assert not any("secrets" in rule["resources"] for rule in everywhere)
    for rules in (role("Role", "controlplane-hub"), role("ClusterRole", "controlplane-hub-tenant")):
        assert [rule["verbs"] for rule in rules if "secrets" in rule["resources"]] == [["get"]]


def test_the_hub_has_no_wildcard_mints_no_token_and_binds_by_name() -> None:
    rules = role("ClusterRole", "controlplane-hub")
    assert not any("*" in rule[part] for rule in rules for part in ("apiGroups", "resources", "verbs"))
    assert not any("serviceaccounts" in resource for rule in rules for resource in rule["resources"])
    assert not any({"escalate", "impersonate"} & set(rule["verbs"]) for rule in rules)
    assert [rule["resourceNames"] for rule in rules if "bind" in rule["verbs"]] == [
        ["controlplane-viewer", "controlplane-developer", "controlplane-admin", "controlplane-hub-tenant"]
    ]


def test_an_agent_writes_nothing_on_the_hub_but_its_status_its_lease_and_its_own_token() -> None:
    written = {
        (resource, tuple(rule.get("resourceNames", ())))
        for rule in role("ClusterRole", "controlplane-hub-agent")
        if {"create", "update", "patch", "delete"} & set(rule["verbs"])
        for resource in rule["resources"]
    }
    assert written == {
        ("works/status", ()),
        ("leases", ()),
        ("leases", ("agent",)),
        ("serviceaccounts/token", ("agent",)),
    }


@pytest.mark.parametrize(
    "name", ["controlplane-viewer", "controlplane-developer", "controlplane-admin", "controlplane-reader"]
)
def test_people_read_no_secrets_and_change_no_works_tenants_or_clusters(name: str) -> None:
    for rule in role("ClusterRole", name):
        reads, writes = {"get", "list", "watch"} & set(rule["verbs"]), {"create", "patch"} & set(rule["verbs"])
        assert not (reads and "secrets" in rule["resources"])
        assert not (writes and {"works", "tenants", "clusters", "applications/status"} & set(rule["resources"]))


def test_the_hub_and_the_agents_wait_in_queues_of_their_own() -> None:
    schemas = [b["spec"] for b in documents("deploy/hub") if b["kind"] == "FlowSchema"]
    assert len({schema["priorityLevelConfiguration"]["name"] for schema in schemas}) == len(schemas) == 2
