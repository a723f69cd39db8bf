"""`cpctl app history`: what was delivered of one Application, newest first, and to which of it one can go back."""

from collections.abc import Iterable

from controlplane.cli.connect import connect
from controlplane.cli.errors import CliError
from controlplane.cli.find import application
from controlplane.cli.listings import revision
from controlplane.cli.options import Format, Place
from controlplane.cli.show import emit
from controlplane.cli.view import Cell, Table, View, age, plain
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import HISTORIES

__all__ = ["history_of", "history_view", "show_history"]

_HEADERS = ("REVISION", "OUTCOME", "STARTED", "READY AFTER", "CLUSTERS", "AUTHOR", "COMMIT", "ASKED BY", "MESSAGE")
_STYLES = {"Ready": "green", "Progressing": "yellow", "Degraded": "red", "Refused": "red", "RolledBack": "yellow"}


async def history_of(client: Client, found: Body) -> Body | None:
    """The history of an Application; None where nothing was recorded yet. Raises KubeError."""
    meta = found["metadata"]
    try:
        body = await client.get(HISTORIES, meta["name"], meta["namespace"])
    except NotFound as error:
        if error.kind_missing:
            raise CliError(
                "this hub keeps no histories yet: the platform team upgrades it (cpctl install hub)"
            ) from error
        return None
    return body if (body.get("spec") or {}).get("application") == meta["uid"] else None


async def show_history(where: Place, name: str, output: Format) -> None:
    """Print the history of one Application."""
    async with connect(where) as client:
        found = await application(client, name, where.namespace)
        emit(history_view(found, await history_of(client, found)), output)


def history_view(found: Body, body: Body | None) -> View:
    """A table for people; for programs the History as the hub has it, or one without deliveries."""
    at = f"{found['metadata']['namespace']}/{found['metadata']['name']}"
    deliveries = ((body or {}).get("spec") or {}).get("deliveries") or ()
    table = Table(_HEADERS, tuple(_rows(deliveries)), "nothing was delivered yet", title=f"{at}, newest first")
    notes = (f"To go back: cpctl app rollback {at} --to REVISION",) if len(deliveries) > 1 else ()
    document = plain(body) if body is not None else {"kind": "History", "spec": {"deliveries": []}}
    return View((table,), document, notes)


def _rows(deliveries: Iterable[Body]) -> Iterable[tuple[Cell, ...]]:
    for each in deliveries:
        commit, outcome = each.get("commit") or {}, each.get("outcome") or "?"
        asked = each.get("asked") or ""
        yield (
            Cell(revision(each["revision"])),
            Cell(outcome, _STYLES.get(outcome, "")),
            Cell(f"{age(each.get('started') or '')} ago"),
            Cell(_lasting(each.get("readyAfterMs"))),
            Cell(str(each.get("clusters") or each.get("children") or "-")),
            Cell(commit.get("author") or "-"),
            Cell((commit.get("message") or "")[:50]),
            Cell(f"{each.get('by') or 'somebody'} ({asked})" if asked else "-"),
            Cell(": ".join(part for part in (each.get("reason"), each.get("message")) if part)),
        )


def _lasting(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "-"
    seconds = milliseconds / 1000
    return f"{seconds:.1f}s" if seconds < 100 else f"{int(seconds // 60)}m{int(seconds % 60)}s"
