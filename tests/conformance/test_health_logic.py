"""Our rules against the logic of Argo CD's, and not only its cases: a rule that knows no more than its cases fails here.

The table in health_logic.toml has inputs for single rules; the properties below ask every rule there is about what any of
them meets: no status, an empty one, words that nobody has heard of, a status of the generation before, deletion.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.catalog import groups, rules_of
from controlplane.health.status import HealthStatus
from tests.conformance.health import HERE

pytestmark = pytest.mark.conformance

CASES = [
    pytest.param(kind["of"], case, id=f"{kind['of']}-{at}")
    for kind in tomllib.loads((HERE / "health_logic.toml").read_text(encoding="utf-8"))["kind"]
    for at, case in enumerate(kind["cases"])
]
CONDITION = re.compile(
    r"(?P<type>[^=]+)=(?P<status>\w+)(?:/(?P<reason>\w+))?(?:: (?P<message>[^@]+))?(?:@(?P<seen>\d+))?"
)


def condition(text: str) -> dict[str, Any]:
    """`Type=Status/Reason: message@observedGeneration`."""
    found = CONDITION.fullmatch(text)
    assert found, text
    each: dict[str, Any] = {
        key: value for key, value in found.groupdict().items() if value is not None and key != "seen"
    }
    return {**each, "observedGeneration": int(found["seen"])} if found["seen"] else each


def thing(of: str, metadata: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """An object of GROUP/Kind whose second generation is the present one."""
    group, kind = of.split("/")
    return {
        "apiVersion": f"{group}/v1", "kind": kind,
        "metadata": {"name": "x", "generation": 2, **(metadata or {})}, "spec": {}, **parts,
    }  # fmt: skip


@pytest.mark.parametrize(("of", "case"), CASES)
def test_what_the_logic_says(of: str, case: dict[str, Any]) -> None:
    parts = {key: case[key] for key in ("metadata", "spec", "status") if key in case}
    if "conditions" in case:
        parts["status"] = {**parts.get("status", {}), "conditions": [condition(each) for each in case["conditions"]]}
    assert assess(thing(of, **parts)).status.value == case["is"]


def everything() -> Iterator[str]:
    """Each kind that a file has a rule for; one stands for all where a rule is for all."""
    for name in sorted(groups()):
        for kind in rules_of(name):
            yield f"{name.replace('_.', 'some.')}/{'Thing' if kind == '*' else kind}"


KINDS = list(everything())

# Why a rule may call something well that says nothing of itself.
WELL_WITHOUT_A_WORD = {
    "some.crossplane.io/Thing", "some.upbound.io/Thing",  # many of their kinds have no status
    "argoproj.io/CronWorkflow", "datadoghq.com/DatadogMetric",
    "sparkoperator.k8s.io/ScheduledSparkApplication",  # only errors are told
    "astra.netapp.io/Schedule", "generators.external-secrets.io/Thing", "postgresql.cnpg.io/Pooler",
    "postgresql.cnpg.io/ScheduledBackup",  # no status that says whether they work
}  # fmt: skip
WELL_WITH_AN_EMPTY_STATUS = WELL_WITHOUT_A_WORD - {"some.crossplane.io/Thing", "some.upbound.io/Thing"} | {
    "controlplane.cluster.x-k8s.io/KubeadmControlPlane",  # none of no machines is missing
    "grafana.integreatly.org/GrafanaDatasource",  # only an empty uid says that it is not there
}
WELL_WITHOUT_A_CONDITION = WELL_WITH_AN_EMPTY_STATUS | {
    "gateway.networking.k8s.io/Gateway", "k8s.mariadb.com/Backup", "k8s.mariadb.com/MariaDB", "k8s.mariadb.com/MaxScale",
    "k8s.mariadb.com/Restore", "mariadb.mmontes.io/MariaDB",  # what is not false is well
}  # fmt: skip
WELL_WITH_UNKNOWN_WORDS = WELL_WITHOUT_A_CONDITION | {
    "externaldns.k8s.io/DNSEndpoint",  # the observed generation is all that it tells
    "game.kruise.io/GameServerSet",  # none of no servers is missing
    "promoter.argoproj.io/CommitStatus", "promoter.argoproj.io/GitCommitStatus", "promoter.argoproj.io/PullRequest",
    "promoter.argoproj.io/TimedCommitStatus", "promoter.argoproj.io/WebRequestCommitStatus",  # what is not false is well
}  # fmt: skip
# Broken without a word: each of its two ends is told of by one field.
BROKEN_WITHOUT_A_WORD = {"secrets.hashicorp.com/VaultStaticSecret"}

WORDS = dict.fromkeys(
    (
        "PostgresClusterStatus", "blueGreenState", "certificateStatus", "compliant", "currentState", "desiredState", "health",
        "jobStatus", "phase", "robustness", "serviceStatus", "stage", "stageStatus", "state", "status", "updateStatus",
    ),
    "Zany",
)  # fmt: skip


@pytest.mark.parametrize("of", KINDS)
def test_what_says_nothing_is_waited_for(of: str) -> None:
    assert (assess(thing(of)).status is HealthStatus.HEALTHY) == (of in WELL_WITHOUT_A_WORD)
    assert (assess(thing(of)).status is HealthStatus.DEGRADED) == (of in BROKEN_WITHOUT_A_WORD)
    assert (assess(thing(of, status={})).status is HealthStatus.HEALTHY) == (of in WELL_WITH_AN_EMPTY_STATUS)
    assert (assess(thing(of, status={"conditions": []})).status is HealthStatus.HEALTHY) == (
        of in WELL_WITHOUT_A_CONDITION
    )


@pytest.mark.parametrize("of", KINDS)
def test_words_that_nobody_has_heard_of_make_nothing_well(of: str) -> None:
    words = assess(thing(of, status={**WORDS, "observedGeneration": 2}))
    conditions = assess(
        thing(of, status={"observedGeneration": 2, "conditions": [condition("Zany=Zany@2"), condition("Ready=Zany@2")]})
    )
    assert of in WELL_WITH_UNKNOWN_WORDS or HealthStatus.HEALTHY not in (words.status, conditions.status)


@pytest.mark.parametrize("of", KINDS)
def test_a_status_of_the_generation_before_is_not_believed(of: str) -> None:
    kinds = ("Ready", "Available", "Synced", "Healthy", "Installed", "Succeeded", "Accepted", "Valid")
    status = {
        "observedGeneration": 1, "phase": "Running", "state": "Ready", "replicas": 1, "readyReplicas": 1,
        "conditions": [condition(f"{kind}=True@1") for kind in kinds],
    }  # fmt: skip
    assert assess(thing(of, status=status)).status is HealthStatus.PROGRESSING


@pytest.mark.parametrize("of", KINDS)
def test_what_is_being_deleted_is_on_its_way(of: str) -> None:
    metadata = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert assess(thing(of, metadata, status={"phase": "Failed"})).status is HealthStatus.PROGRESSING
