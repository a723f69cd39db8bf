"""The files of rules: all of them load, and each kind finds its own."""

import tomllib
from importlib.resources import files

import pytest

from controlplane.health.catalog import file_for, groups, rule_for, rules_of


@pytest.mark.parametrize("name", sorted(groups()))
def test_every_file_compiles(name: str) -> None:
    assert rules_of(name)


@pytest.mark.parametrize(
    ("group", "kind", "file"),
    [
        ("cert-manager.io", "Certificate", "cert-manager.io"),
        ("cert-manager.io", "Unheard", None),
        ("kafka.strimzi.io", "KafkaNodePool", None),  # it has no conditions
        ("operator.victoriametrics.com", "VMAlert", "operator.victoriametrics.com"),  # by its `*`
        ("s3.aws.crossplane.io", "Bucket", "s3.aws.crossplane.io"),  # its own before all of crossplane.io
        ("s3.aws.crossplane.io", "BucketPolicy", "_.crossplane.io"),
        ("pkg.crossplane.io", "Provider", "pkg.crossplane.io"),
        ("pkg.crossplane.io", "Function", "_.crossplane.io"),
        ("database.example.crossplane.io", "Thing", "_.crossplane.io"),
        ("s3.aws.upbound.io", "Bucket", "_.upbound.io"),
        ("storage.cnrm.cloud.google.com", "StorageBucket", "_.cnrm.cloud.google.com"),
        ("crossplane.io", "Thing", None),  # below it, not itself
        ("", "Pod", None),
        ("example.com", "Widget", None),
        ("../shared", "Widget", None),
        ("shared", "Widget", None),
    ],
)
def test_a_kind_finds_its_rule(group: str, kind: str, file: str | None) -> None:
    assert file_for(group, kind) == file
    assert (rule_for(group, kind) is None) == (file is None)


def test_a_kind_has_one_rule_in_its_file() -> None:
    for path in (files("controlplane.health") / "rules").iterdir():
        if path.name.endswith(".toml") and path.name != "shared.toml":
            rules = tomllib.loads(path.read_text(encoding="utf-8"))["rule"]
            kinds = [kind for rule in rules for kind in rule["kinds"]]
            assert len(kinds) == len(set(kinds)), path.name


# Where a rule holds for every kind of a group, each has the status that it reads: of one that has not, nothing would ever be well.
ALIKE = {
    "_.cnrm.cloud.google.com", "_.crossplane.io", "_.services.k8s.aws", "_.upbound.io", "generators.external-secrets.io",
    "grafana-org-operator.kubitus-project.gitlab.io", "kro.run", "operator.victoriametrics.com",
}  # fmt: skip


def test_a_rule_for_all_kinds_is_only_where_they_are_alike() -> None:
    assert {name for name in groups() if "*" in rules_of(name)} == ALIKE
