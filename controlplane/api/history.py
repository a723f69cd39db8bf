"""History: what was delivered for one Application, newest first. Beside it in its namespace and of its name; the hub's alone.

It is an object of its own, so that an Application stays small, and of a kind of its own, so that whoever may look at an
Application may read it and nobody but the hub may write it: what it names may be delivered again.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from controlplane.api.model import CommitInfo, Condition, Kind, Part
from controlplane.api.work import DigestText

__all__ = [
    "HISTORY_LIMIT", "MOST_DELIVERIES", "Asked", "Deliveries", "Delivery", "DeliveryOutcome", "History", "HistoryStatus",
    "Kept", "matching",
]  # fmt: skip

HISTORY_LIMIT = 10  # deliveries that are kept where the Application says nothing
MOST_DELIVERIES = 50

_Cluster = Annotated[str, Field(max_length=63)]  # without a rule: so many would cost the API server too much
DeliveryOutcome = Literal["Progressing", "Ready", "Degraded", "Superseded", "RolledBack", "Refused"]
Asked = Literal["", "sync", "approve", "pin"]


class Kept(Part):
    """One artifact of a delivery, and the clusters that it went to."""

    digest: DigestText
    clusters: Annotated[tuple[_Cluster, ...], Field(max_length=500)] = ()


class Delivery(Part):
    """One revision of one Application on its way, or one that was refused.

    outcome: Progressing while it is on its way and nothing else has become of it; Ready once it was Ready everywhere;
    Degraded where it was unwell; Superseded by the next before it was Ready; RolledBack by a pin of an earlier one; Refused
    and never delivered. by, asked: who asked for it, and how; "" = Git alone.
    """

    revision: Annotated[str, Field(max_length=320)]
    commit: CommitInfo = CommitInfo()
    url: Annotated[str, Field(max_length=1024)] = ""
    by: Annotated[str, Field(max_length=256)] = ""
    asked: Asked = ""
    started: Annotated[str, Field(max_length=40)] = ""
    ready_after_ms: Annotated[int, Field(ge=0)] | None = None
    outcome: DeliveryOutcome = "Progressing"
    reason: Annotated[str, Field(max_length=128)] = ""
    message: Annotated[str, Field(max_length=512)] = ""
    artifacts: Annotated[tuple[Kept, ...], Field(max_length=100)] = ()
    clusters: int = 0
    children: int = 0


class Deliveries(Part):
    """The deliveries, newest first, and whose they are."""

    application: Annotated[str, Field(max_length=64)] = Field(default="", description="uid of the Application")
    deliveries: Annotated[tuple[Delivery, ...], Field(max_length=2 * MOST_DELIVERIES)] = ()


class HistoryStatus(Part):
    """Empty: a history is a record, and nothing is done to it."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()


class History(Kind):
    """What was delivered for the Application of this name. Namespaced; written by the hub alone, bounded in number and size."""

    spec: Deliveries = Deliveries()
    status: HistoryStatus = HistoryStatus()


def matching(deliveries: Iterable[Delivery], text: str) -> tuple[Delivery, ...]:
    """The newest delivery of each commit that a text may mean; what was refused was never delivered.

    text: a revision as it is shown (main@sha1:…, or with the id cut), or the beginning of its commit's id, 4 digits or more.
    """
    branch, _, wanted = text.rpartition("@")
    wanted = wanted.removeprefix("sha1:")
    found: dict[str, Delivery] = {}
    if len(wanted) < 4:
        return ()
    for each in deliveries:
        ref, _, sha = each.revision.rpartition("@")
        meant = sha.removeprefix("sha1:").startswith(wanted) and branch in ("", ref)
        if meant and each.outcome != "Refused":
            found.setdefault(sha, each)
    return tuple(found.values())
