"""What a deletion waits for: whoever is silent first, then what an agent says, then where it goes on."""

import pytest

from controlplane.api.keys import ClusterName
from controlplane.api.work import Work
from controlplane.hub.conditions import Reason
from controlplane.hub.leaving import leaving, verdict_of
from tests.objects import a_work


def online(cluster: ClusterName) -> bool:
    return not cluster.startswith("lost")


def saying(cluster: str, kind: str, status: str, message: str, **more: object) -> Work:
    return a_work(cluster, conditions=[{"type": kind, "status": status, "reason": "Said", "message": message}], **more)  # type: ignore[arg-type]


def test_a_silent_cluster_is_named_with_the_command_that_lets_it_go() -> None:
    waits = leaving([a_work("east"), a_work("lost-2"), a_work("lost-1")], online)
    assert (waits.reason, waits.stuck) == (Reason.DELETING, True)
    assert "pruned on lost-1, lost-2, from which there is no heartbeat" in waits.message
    assert waits.message.endswith("`cpctl cluster remove lost-1 --force` and `cpctl cluster remove lost-2 --force`")
    verdict = verdict_of(waits)
    assert (verdict.stalled, verdict.reconciling) == ("Deleting", "")


def test_many_silent_clusters_are_one_line_still() -> None:
    waits = leaving([a_work(f"lost-{number}") for number in range(300)], online)
    assert len(waits.message) < 600
    assert "and 295 more" in waits.message


def test_what_holds_an_agent_up_is_in_its_own_words() -> None:
    works = [saying("east", "Synced", "False", "3 objects are left"), saying("west", "Stalled", "True", "Forbidden")]
    waits = leaving(works, online)
    assert waits.stuck
    assert waits.message == "its objects are being pruned; west: Forbidden"


def test_what_goes_on_is_told_and_is_nobodys_to_do() -> None:
    waits = leaving([saying("east", "Synced", "False", "3 objects are left"), a_work("west")], online)
    assert (waits.stuck, waits.message) == (False, "its objects are being pruned; east: 3 objects are left")
    verdict = verdict_of(waits)
    assert (verdict.stalled, verdict.reconciling) == ("", "Deleting")


@pytest.mark.parametrize("kind", ["Stalled", "Synced"])
def test_what_was_said_of_an_older_delivery_is_not_told(kind: str) -> None:
    old = saying("east", kind, "True" if kind == "Stalled" else "False", "long ago", delivery=7)
    stale = Work.model_validate({**old.wire(), "status": {**old.status.wire(), "delivery": 6}})
    waits = leaving([stale], online)
    assert (waits.stuck, waits.message) == (False, "its objects are being pruned on east")
