"""The apps are what the budget table says, and valid for whoever reads them."""

import yaml

from bench.workload import (
    NAMESPACE,
    RESOURCES,
    app_names,
    deployment,
    deployment_file,
    monorepo,
    objects,
    repository,
    root,
    tenant,
    version_of,
)
from controlplane.api.application import Application
from controlplane.api.repository import Repository
from controlplane.api.tenant import Tenant


def test_an_app_is_its_four_objects() -> None:
    bodies = objects("app-0001")
    assert [body["kind"] for body in bodies] == list(RESOURCES)
    assert all(RESOURCES[body["kind"]].api_version == body["apiVersion"] for body in bodies)
    assert bodies[2]["spec"]["replicas"] == 0


def test_the_monorepo_holds_an_application_and_a_folder_for_each_app() -> None:
    names = app_names(3)
    files = monorepo(names)
    assert len(files) == 3 * 5
    for name in names:
        application = Application.model_validate(yaml.safe_load(files[f"applications/{name}.yaml"]))
        assert application.spec.placement is not None and application.spec.placement.namespace == NAMESPACE
        folder = f"{application.spec.source.path}/"
        there = [yaml.safe_load(text) for path, text in files.items() if path.startswith(folder)]
        assert sorted(body["kind"] for body in there) == sorted(RESOURCES)


def test_a_commit_changes_the_version_alone() -> None:
    files = monorepo(["app-0001"])
    changed = deployment_file("app-0001", "2")
    assert changed.keys() < files.keys()
    body = yaml.safe_load(next(iter(changed.values())))
    assert version_of(body) == "2"
    assert body == deployment("app-0001", "2")


def test_a_version_that_somebody_took_away_is_none() -> None:
    body = deployment("app-0001")
    del body["spec"]["template"]["spec"]["containers"][0]["env"]
    assert version_of(body) == ""


def test_the_hub_s_objects_are_of_their_kinds() -> None:
    team = Tenant.model_validate(tenant(1000, "http://127.0.0.1:1", "east"))
    assert team.spec.limits.applications > 1000
    assert Repository.model_validate(repository("http://127.0.0.1:1")).spec.url.endswith(".git")
    assert Application.model_validate(root()).spec.placement is None
