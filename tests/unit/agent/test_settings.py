"""Flags, environment, and what is said where they cannot be used."""

from pathlib import Path

import pytest

from controlplane.agent.settings import SettingsError, parse_settings

NEEDED = ["--cluster", "east", "--hub-kubeconfig", "/h"]


def test_flags() -> None:
    made = parse_settings([*NEEDED, "--kubeconfig", "/k", "--data-dir", "/d", "--heartbeat", "500ms"], {})
    assert (made.cluster, made.kubeconfig, made.hub_kubeconfig, made.data_dir, made.heartbeat_s) == (
        "east", Path("/k"), Path("/h"), Path("/d"), 0.5,
    )  # fmt: skip
    assert made.namespace == "cluster-east"


def test_the_least() -> None:
    made = parse_settings(NEEDED, {})
    assert (made.kubeconfig, made.data_dir, made.heartbeat_s) == (None, None, 60.0)


def test_the_environment_and_that_a_flag_wins() -> None:
    environ = {
        "CONTROLPLANE_CLUSTER": "west",
        "CONTROLPLANE_HUB_KUBECONFIG": "/e",
        "CONTROLPLANE_HEARTBEAT": "2m",
        "CONTROLPLANE_DATA_DIR": "/data",
    }
    made = parse_settings(["--cluster", "east"], environ)
    assert (made.cluster, made.hub_kubeconfig, made.heartbeat_s, made.data_dir) == (
        "east", Path("/e"), 120.0, Path("/data"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "--cluster"),
        (["--cluster", "East!", "--hub-kubeconfig", "/h"], "--cluster"),
        (["--cluster", "e" * 51, "--hub-kubeconfig", "/h"], "--cluster"),
        (["--cluster", "east"], "--hub-kubeconfig"),
        ([*NEEDED, "--heartbeat", "soon"], "--heartbeat"),
        ([*NEEDED, "--heartbeat", "0s"], "--heartbeat"),
    ],
)
def test_what_cannot_be_used_is_named(argv: list[str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse_settings(argv, {})
