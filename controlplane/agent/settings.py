"""How one agent is started: flags, or the environment (CONTROLPLANE_<FLAG>); a flag wins."""

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Settings", "SettingsError", "parse_settings"]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_CLUSTER = re.compile(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?")


class SettingsError(ValueError):
    """A flag or a variable cannot be used; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One agent's settings. None for a kubeconfig = the pod's own identity; data_dir None = keep Works in Secrets."""

    cluster: str
    kubeconfig: Path | None
    hub_kubeconfig: Path
    data_dir: Path | None
    heartbeat_s: float = 60.0
    metrics_listen: str = ""  # HOST:PORT of /metrics; "" = off
    traces_endpoint: str = ""  # base URL of an OTLP/HTTP receiver; OTEL_* variables go before it; "" = no traces
    in_flight: int = 24  # writes to the member at once; a small API server is at its best with 16 to 32
    rounds: int = 48  # Works reconciled at once: more than writes, so that inventory writes are shared by many

    @property
    def namespace(self) -> str:
        """The hub's namespace of this cluster."""
        return f"cluster-{self.cluster}"


def parse_settings(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> Settings:
    """Read flags and environment. Exits as argparse does for --help and errors of use. Raises SettingsError."""

    def default(flag: str, otherwise: str | None = None) -> str | None:
        return environ.get(f"CONTROLPLANE_{flag.upper().replace('-', '_')}") or otherwise

    parser = argparse.ArgumentParser(
        prog="controlplane-agent",
        description="Reconcile one cluster from its Works on the hub, and go on doing so when the hub is gone.",
        epilog="Each flag can be given as CONTROLPLANE_<FLAG> in the environment, too.",
        allow_abbrev=False,
    )
    parser.add_argument("--cluster", default=default("cluster"), help="the Cluster's name on the hub")
    parser.add_argument(
        "--kubeconfig",
        default=default("kubeconfig"),
        help="this cluster, as the agent's own identity; default: the pod's",
    )
    parser.add_argument(
        "--hub-kubeconfig", default=default("hub-kubeconfig"), help="the hub, as this agent's identity there"
    )
    parser.add_argument(
        "--data-dir",
        default=default("data-dir"),
        help="where desired state is kept over restarts; default: in Secrets, within a bound",
    )
    parser.add_argument(
        "--heartbeat", default=default("heartbeat", "60s"), help="time between two heartbeats (default 60s)"
    )
    parser.add_argument(
        "--metrics-listen", metavar="HOST:PORT", default=default("metrics-listen") or "",
        help="where Prometheus may read /metrics; default: nowhere",
    )  # fmt: skip
    parser.add_argument(
        "--traces-endpoint", metavar="URL", default=default("traces-endpoint") or "",
        help="an OTLP/HTTP receiver of traces; the variables OTEL_… go before it; default: no traces",
    )  # fmt: skip
    given = parser.parse_args(argv)
    if not given.cluster or not _CLUSTER.fullmatch(given.cluster):
        raise SettingsError("--cluster must be the Cluster's name on the hub")
    if not given.hub_kubeconfig:
        raise SettingsError("--hub-kubeconfig is needed: `cpctl cluster add --agent-dir` writes one")
    return Settings(
        cluster=given.cluster,
        kubeconfig=Path(given.kubeconfig).absolute() if given.kubeconfig else None,
        hub_kubeconfig=Path(given.hub_kubeconfig).absolute(),
        data_dir=Path(given.data_dir).absolute() if given.data_dir else None,
        heartbeat_s=_seconds(given.heartbeat),
        metrics_listen=given.metrics_listen,
        traces_endpoint=given.traces_endpoint,
    )


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    if not found or (seconds := float(found[1]) * _UNITS[found[2]]) <= 0:
        raise SettingsError(f"--heartbeat {text!r} is no duration: write 60s, 2m")
    return seconds
