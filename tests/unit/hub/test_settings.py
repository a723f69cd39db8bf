"""Settings: what is written by people is understood, and what is not is named."""

from pathlib import Path

import pytest

from controlplane.hub.settings import Settings, SettingsError, read_settings


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("git.allowInsecure", "http://127.0.0.1:1/**, http://git/**", "git_allow_insecure", ("http://127.0.0.1:1/**", "http://git/**")),
        ("git_timeout", "2m", "git_timeout_s", 120.0),
        ("agent.grace", "5s", "agent_grace_s", 5.0),
        ("render.sandbox", "none", "render_sandbox", "none"),
        ("git.allowFile", "true", "git_allow_file", True),
        ("git.maxBytes", "1000", "git_max_bytes", 1000),
        ("status-interval", "0.2", "status_interval_s", 0.2),
    ],
)  # fmt: skip
def test_each_form_is_read(key: str, text: str, field: str, value: object) -> None:
    assert getattr(Settings(Path("/x")).with_values({key: text}), field) == value


@pytest.mark.parametrize(
    ("key", "text"), [("git.alowInsecure", "x"), ("render.sandbox", "docker"), ("git.allowFile", "yes")]
)
def test_what_is_not_understood_is_named(key: str, text: str) -> None:
    with pytest.raises(SettingsError, match=key.replace(".", r"\.")):
        Settings(Path("/x")).with_values({key: text})


def test_flags_win_over_environment_over_configmap() -> None:
    configured = {"agent.grace": "1s", "git.timeout": "1s", "render.timeout": "1s"}
    environment = {"CONTROLPLANE_AGENT_GRACE": "2s", "CONTROLPLANE_GIT_TIMEOUT": "2s", "CONTROLPLANE_KUBECONFIG": "/k"}
    made = read_settings(configured, {"data-dir": "/d", "git-timeout": "3s"}, environment)
    assert (made.render_timeout_s, made.agent_grace_s, made.git_timeout_s) == (1.0, 2.0, 3.0)


def test_without_a_folder_for_data_nothing_starts() -> None:
    with pytest.raises(SettingsError, match="--data-dir"):
        read_settings({}, {}, {})
