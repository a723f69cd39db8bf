"""docs/cli.md is what the commands say of themselves."""

from controlplane.cli.manual import manual
from tests.testdata import ROOT


def test_the_manual_is_what_the_commands_say() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == manual(), "run: python -m controlplane.cli.manual > docs/cli.md"


def test_every_command_is_in_it_and_none_is_without_help() -> None:
    page = manual()
    for command in (
        "install hub", "cluster add", "cluster rejoin", "cluster list", "cluster remove", "tenant list", "repo list",
        "app list", "app get", "app tree", "app sync", "app approve", "app suspend", "app resume", "app render", "status", "waiting",
        "policy check", "policy test", "policy why", "policy who-can", "tenant check",
    ):  # fmt: skip
        assert f"\n## cpctl {command}" in page
    assert "None" not in page
