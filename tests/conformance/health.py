"""The cases of both health families, whose answer wins for each, and what we say. Shared by the tests and the report."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from controlplane.health.assess import assess
from controlplane.health.catalog import file_for
from tests.testdata import testdata

__all__ = ["HERE", "KSTATUS_WORDS", "Case", "argocd_cases", "kstatus_cases", "ours", "reasons", "winner", "winners"]

HERE: Final = Path(__file__).parent
_PROVIDED: Final = frozenset({"LoadBalancer", "Ingress"})  # Argo CD waits for addresses everywhere

# An error of kstatus is a verdict, too: it cannot judge the object, and neither can we.
KSTATUS_WORDS: Final = {
    "Current": "Healthy",
    "InProgress": "Progressing",
    "Terminating": "Progressing",
    "Failed": "Degraded",
    "Unknown": "Unknown",
    "error": "Unknown",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One object, and what a family says of it, in our words; None = it has no verdict."""

    family: str  # argocd | kstatus
    name: str
    group: str
    kind: str
    object: Any
    verdict: str | None
    wins: bool  # whether this family's answer is the one that counts for the kind


def argocd_cases() -> Iterator[Case]:
    """All cases of health-argocd. A verdict of a script alone is taken as Argo CD's whole assessment gives it: an object that
    is being deleted is Progressing."""
    for file in sorted(testdata("conformance", "health-argocd").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            verdict = "Progressing" if case.get("has_deletion_timestamp") else case["expected"]["status"]
            group, kind = _kind(case["object"])
            wins = verdict is not None and winner(group, kind) == "argocd"
            yield Case("argocd", case["name"], group, kind, case["object"], verdict, wins)


def kstatus_cases() -> Iterator[Case]:
    """All cases of health-kstatus."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for file in ("upstream-table.jsonl", "computed-argocd-objects.jsonl"):
        for line in testdata("conformance", "health-kstatus", file).read_text(encoding="utf-8").splitlines():
            case = json.loads(line.replace('"@now"', json.dumps(now)) if '"@now"' in line else line)
            group, kind = _kind(case["object"])
            verdict = KSTATUS_WORDS[case["expected"].get("status", "error")]
            yield Case("kstatus", case["name"], group, kind, case["object"], verdict, winner(group, kind) == "kstatus")


def ours(case: Case) -> str:
    """What we say, on a cluster that has a load balancer and an ingress controller."""
    return assess(case.object, provides=_PROVIDED).status.value


def winner(group: str, kind: str) -> str:
    """argocd, ours or kstatus: whose answer is right for a kind. Source: health_winners.toml."""
    table = winners()
    if (f"{group}/{kind}" if group else kind) in table["argocd"]["built-in"]:
        return "argocd"
    name = file_for(group, kind)
    return next((who for who in ("argocd", "ours") if name in table[who]["custom"]), "kstatus")


@lru_cache(maxsize=1)
def winners() -> dict[str, dict[str, list[str]]]:
    """The table of health_winners.toml."""
    found: dict[str, dict[str, list[str]]] = tomllib.loads((HERE / "health_winners.toml").read_text(encoding="utf-8"))
    return found


def reasons() -> dict[str, dict[str, str]]:
    """The differences that are meant, by the name of the case. Source: health_differences.toml."""
    found: dict[str, dict[str, str]] = tomllib.loads((HERE / "health_differences.toml").read_text(encoding="utf-8"))
    return found


def _kind(body: Any) -> tuple[str, str]:
    if not isinstance(body, dict):
        return "", ""
    return str(body.get("apiVersion") or "").rpartition("/")[0], str(body.get("kind") or "")
