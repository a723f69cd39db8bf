"""Which delivery a person means by a revision or a part of one."""

import pytest

from controlplane.api.history import Delivery, matching

ONE, TWO, OTHER = "abcd1" + "0" * 35, "abcd2" + "0" * 35, "ef" * 20
ENTRIES = (
    Delivery(revision=f"main@sha1:{OTHER}", outcome="Refused"),
    Delivery(revision=f"main@sha1:{ONE}", outcome="Ready", by="newest"),
    Delivery(revision=f"main@sha1:{TWO}", outcome="Superseded"),
    Delivery(revision=f"main@sha1:{ONE}", outcome="RolledBack", by="older"),
    Delivery(revision=f"sha1:{'12' * 20}"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"main@sha1:{ONE}", [ONE]),
        ("main@sha1:abcd1", [ONE]),
        ("main@abcd2", [TWO]),  # as cpctl shows it
        ("abcd1", [ONE]),
        ("abcd", [ONE, TWO]),
        ("release@abcd1", []),
        ("abc", []),
        ("", []),
        ("main@", []),
        (OTHER, []),  # never delivered
        ("sha1:1212", ["12" * 20]),
        ("1212", ["12" * 20]),
    ],
)
def test_which_is_meant(text: str, expected: list[str]) -> None:
    assert [each.revision.rpartition(":")[2] for each in matching(ENTRIES, text)] == expected


def test_of_several_deliveries_of_a_commit_the_newest_is_meant() -> None:
    (found,) = matching(ENTRIES, ONE)
    assert found.by == "newest"
