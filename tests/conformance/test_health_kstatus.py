"""The 717 cases of kstatus: the same verdict for each, but for the few that the table beside this file gives a reason for."""

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from controlplane.health.assess import assess
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

FILES: Final = ("upstream-table.jsonl", "computed-argocd-objects.jsonl")
NUMBER_OF_CASES: Final = 717  # as the folder's README says: a reader that loses lines must not look like agreement

# An error of kstatus is a verdict, too: it cannot judge the object, and neither can we.
WORDS: Final = {
    "Current": "Healthy",
    "InProgress": "Progressing",
    "Terminating": "Progressing",
    "Failed": "Degraded",
    "Unknown": "Unknown",
    "error": "Unknown",
}


def cases() -> Iterator[tuple[str, Any, str]]:
    """Name, live object and kstatus's word for each case."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for file in FILES:
        for line in testdata("conformance", "health-kstatus", file).read_text(encoding="utf-8").splitlines():
            case = json.loads(line.replace('"@now"', json.dumps(now)) if '"@now"' in line else line)
            yield case["name"], case["object"], case["expected"].get("status", "error")


def test_kstatus_and_we_agree(record_property: Callable[[str, object], None]) -> None:
    reasoned = tomllib.loads(Path(__file__).with_name("health_kstatus_differences.toml").read_text(encoding="utf-8"))
    by_word: Counter[tuple[str, str]] = Counter()
    differences: dict[str, tuple[str, str]] = {}
    for name, body, word in cases():
        ours = assess(body).status.value
        by_word[word, ours] += 1
        if ours != WORDS[word]:
            differences[name] = (word, ours)

    total = by_word.total()
    print(f"\nkstatus: {total - len(differences)} of {total} cases agree, {len(differences)} differ")  # noqa: T201  # the figure is what this test is for
    for (word, ours), count in sorted(by_word.items()):
        print(f"  {word:<12} {ours:<12} {count:>4}")  # noqa: T201  # see above
    record_property("kstatus_agreement", f"{total - len(differences)}/{total}")

    assert total == NUMBER_OF_CASES
    assert all(entry["reason"].strip() for entry in reasoned.values())
    assert differences == {name: (entry["kstatus"], entry["ours"]) for name, entry in reasoned.items()}
