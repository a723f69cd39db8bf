"""Settings of the hub: the ConfigMap `controlplane` in controlplane-system, then environment, then flags.

Every key is one line of text, so that a person can set it with `cpctl install hub --set key=value`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from controlplane.api.duration import parse_duration

__all__ = ["Settings", "SettingsError", "read_settings"]

_SandboxMode = Literal["unshare", "none"]


class SettingsError(ValueError):
    """A setting has a value that it cannot have; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the platform team may choose. Times in seconds, sizes in bytes."""

    data_dir: Path
    api_listen: str = "127.0.0.1:0"
    artifacts_listen: str = "127.0.0.1:0"
    artifacts_url: str = ""  # what agents are told; "" = where artifacts_listen came to listen
    metrics_listen: str = ""  # HOST:PORT of /metrics; "" = off. Whoever reaches it can read it
    traces_endpoint: str = ""  # base URL of an OTLP/HTTP receiver; OTEL_* variables go before it; "" = no traces
    artifacts_tls_dir: str = (
        ""  # folder with tls.crt, tls.key and ca.crt (a mounted Secret); "" = plain http, on loopback only
    )
    git_allow_insecure: tuple[str, ...] = ()  # globs of http, loopback and link-local URLs that may be read
    git_allow_file: bool = False  # file:// URLs, for tests
    git_timeout_s: float = 120.0
    git_max_bytes: int = 512 << 20
    render_sandbox: _SandboxMode = "unshare"
    render_timeout_s: float = 60.0
    render_concurrency: int = 3
    policies_repository: str = (
        ""  # a Repository of controlplane-system that holds policies; "" = what is built in, alone
    )
    policies_path: str = "policies"  # the folder in it
    agent_grace_s: float = 180.0  # an agent whose Lease has not changed for so long is offline
    token_review_cache_s: float = 60.0
    status_interval_s: float = 0.5  # the shortest time between two writes of one object's status

    def with_values(self, values: Mapping[str, str]) -> "Settings":
        """A copy in which the keys of values (dots or underscores, as in `git.allowInsecure`) replace ours.

        Raises SettingsError for an unknown key or a value of the wrong form.
        """
        changed: dict[str, Any] = {}
        known = _names()
        for key, text in values.items():
            name = known.get(_canonical(key))
            if name is None:
                raise SettingsError(f"unknown setting {key}")
            try:
                changed[name] = _parse(name, getattr(self, name), text.strip())
            except ValueError as error:
                raise SettingsError(f"setting {key}: {error}") from error
        current = {field.name: getattr(self, field.name) for field in fields(self)}
        return Settings(**(current | changed))


def _canonical(key: str) -> str:
    """`git.allowInsecure`, `git_allow_insecure` and GIT_ALLOW_INSECURE name one setting."""
    return key.replace(".", "").replace("_", "").replace("-", "").lower()


def _names() -> dict[str, str]:
    """How people may write each setting -> our field; a unit at the end may be left out: `git.timeout` is `2m`."""
    names = {_canonical(field.name): field.name for field in fields(Settings)}
    return names | {key.removesuffix("s"): name for key, name in names.items() if name.endswith("_s")}


def _parse(name: str, default: object, text: str) -> object:
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ValueError("write true or false")
        return text == "true"
    if isinstance(default, int):
        return int(text)
    if isinstance(default, float):
        return parse_duration(text) if text[-1:].isalpha() else float(text)
    if isinstance(default, tuple):
        return tuple(part for part in text.replace(",", " ").split() if part)
    if isinstance(default, Path):
        return Path(text)
    if name == "render_sandbox" and text not in get_args(_SandboxMode):
        raise ValueError(f"write one of {', '.join(get_args(_SandboxMode))}")
    return text


def read_settings(
    configured: Mapping[str, str], flags: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Settings from the ConfigMap's data, CONTROLPLANE_* variables and flags; the later wins. data-dir must be given."""
    known = _names()
    from_environment = {
        key.removeprefix("CONTROLPLANE_"): value
        for key, value in environment.items()
        if key.startswith("CONTROLPLANE_") and _canonical(key.removeprefix("CONTROLPLANE_")) in known
    }
    base = Settings(data_dir=Path("."))
    merged = base.with_values(configured).with_values(from_environment).with_values(flags)
    if merged.data_dir == base.data_dir:
        raise SettingsError("give --data-dir: mirrors and artifacts are kept there")
    return merged
