"""What a person asks of one Application: sync, approve, suspend, resume, rollback, unpin. Each is a field of its desired state.

Nothing is commanded: the field is written, and the hub brings the world to it, now or when it is back.
"""

import getpass
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from controlplane.api.history import History, matching
from controlplane.cli.applying import MANAGER
from controlplane.cli.connect import connect
from controlplane.cli.ending import in_force
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.find import application
from controlplane.cli.history import history_of
from controlplane.cli.options import Place
from controlplane.cli.rights import Asker, check
from controlplane.cli.until import until
from controlplane.cli.view import condition
from controlplane.kube.client import Client
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS

__all__ = ["approve", "asked_by", "object_ref", "resume", "rollback", "settled", "suspend", "sync", "unpin"]


async def asked_by(client: Client, found: Body, action: str) -> str:
    """Who asks that of an Application, as the API server says; the system's user where it does not say.

    Raises CliError with the reason where the rules say that the person may not.
    """
    asker = await Asker.of(client)
    meta = found["metadata"]
    await check(client, asker, meta["namespace"], "applications", action, meta["name"])
    return (asker.username or getpass.getuser())[:256]


async def sync(where: Place, name: str, *, objects: Iterable[str] = (), wait_s: float | None) -> str:
    """Ask for a look at Git and at every object now; wait_s: until Ready with it. Gives a line for the person.

    objects: as object_ref() reads them: only these are applied again, and Git is not looked at.
    """
    only = [object_ref(text) for text in objects]
    async with connect(where) as client:
        found = await application(client, name, where.namespace)
        if _suspended(found):
            raise CliError(f"{_at(found)} is suspended: cpctl app resume {_at(found)} first")
        by = await asked_by(client, found, "sync")
        text = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        asked = {"sync": text, "objects": only or None, "by": by}
        written = await _patch(client, found, {"request": asked})
        if wait_s is None:
            what = f"sync of {len(only)} object(s)" if only else "sync"
            return f"{_at(found)}: {what} asked for; see: cpctl app get {_at(found)}"
        return await _ready(client, written, wait_s, lambda status: _request(status).get("sync") == text)


def object_ref(text: str) -> Body:
    """An object as a person names it: Kind/name or Kind/namespace/name, the kind with its group or without.

    Raises CliError where it is none of these.
    """
    kind, *names = text.split("/")
    kind, dot, group = kind.partition(".")
    if not kind or len(names) not in (1, 2) or not all(names) or (dot and not group):
        raise CliError(
            f"{text!r} names no object: write Kind/name or Kind.group/namespace/name, such as Deployment/web"
        )
    ref = {"kind": kind, "name": names[-1]}
    return ref | ({"group": group} if group else {}) | ({"namespace": names[0]} if len(names) == 2 else {})


async def approve(where: Place, name: str, *, token: str | None, wait_s: float | None) -> str:
    """Let a held change go ahead; token: the one that was looked at, None = what is held now."""
    async with connect(where) as client:
        found = await application(client, name, where.namespace)
        status = found.get("status") or {}
        held, rollout = status.get("held"), status.get("rollout") or {}
        if not held and rollout.get("phase") == "WaitingForApproval":
            return await _approve_step(client, found, rollout, token=token, wait_s=wait_s)
        if not held:
            raise CliError(f"{_at(found)} holds no change: there is nothing to approve")
        if token is not None and token != held["token"]:
            raise CliError(
                f"what is held now is another change ({held['token']}): look at it with cpctl app get {_at(found)}"
            )
        request = {"approve": held["token"], "by": await asked_by(client, found, "approve")}
        written = await _patch(client, found, {"request": request})
        told = f"{_at(found)}: approved that {held['removes']} of {held['of']} objects are removed"
        if wait_s is None:
            return told
        return await _ready(client, written, wait_s, lambda status: _request(status).get("approve") == held["token"])


async def _approve_step(client: Client, found: Body, rollout: Body, *, token: str | None, wait_s: float | None) -> str:
    if token is not None and token != rollout["token"]:
        raise CliError(
            f"what waits now is another step ({rollout['token']}): look at it with cpctl app get {_at(found)}"
        )
    request = {"approve": rollout["token"], "by": await asked_by(client, found, "approve")}
    written = await _patch(client, found, {"request": request})
    if wait_s is not None:
        return await _ready(client, written, wait_s, lambda status: _request(status).get("approve") == rollout["token"])
    return f"{_at(found)}: approved step {rollout.get('step')} of {rollout.get('of')} of the rollout of {rollout.get('revision')}"


async def suspend(where: Place, name: str, *, reason: str, until: str | None = None) -> str:
    """Hold an Application as it is. until: RFC 3339, when it ends by itself; None = by resume alone."""
    async with connect(where) as client:
        found = await application(client, name, where.namespace)
        by = await asked_by(client, found, "suspend")
        # what is None here takes away what an earlier suspension said
        await _patch(client, found, {"suspend": {"by": by, "reason": reason, "until": until}})
        end = f"{until} or " if until else ""
        return f"{_at(found)}: suspended; nothing is applied, healed or pruned until {end}cpctl app resume {_at(found)}"


async def resume(where: Place, name: str, *, wait_s: float | None) -> str:
    """Go on with a suspended Application."""
    async with connect(where) as client:
        found = await application(client, name, where.namespace)
        if found["spec"].get("suspend") is None:
            return f"{_at(found)}: was not suspended"
        await asked_by(client, found, "suspend")
        written = await _patch(client, found, {"suspend": None})
        if wait_s is None:
            return f"{_at(found)}: resumed"
        return await _ready(client, written, wait_s, lambda status: True)


async def rollback(where: Place, name: str, *, to: str, reason: str, until: str | None, wait_s: float | None) -> str:
    """Hold an Application at a revision of its history. to: that revision, or the beginning of its commit's id."""
    async with connect(where) as client:
        found = await application(client, name, where.namespace)
        by = await asked_by(client, found, "rollback")
        revision = _one_of(found, await history_of(client, found), to)
        pin = {"revision": revision, "by": by, "reason": reason, "until": until}
        written = await _patch(client, found, {"pin": pin})
        if wait_s is not None:
            return await _ready(client, written, wait_s, lambda status: status.get("revision") == revision)
        end = f"{until} or " if until else ""
        return f"{_at(found)}: pinned to {revision} until {end}cpctl app unpin {_at(found)}"


async def unpin(where: Place, name: str, *, wait_s: float | None) -> str:
    """Go on with what Git says."""
    async with connect(where) as client:
        found = await application(client, name, where.namespace)
        if found["spec"].get("pin") is None:
            return f"{_at(found)}: was not pinned"
        await asked_by(client, found, "rollback")
        written = await _patch(client, found, {"pin": None})
        if wait_s is None:
            return f"{_at(found)}: unpinned; it goes on with what Git says"
        return await _ready(client, written, wait_s, lambda status: True)


def _one_of(found: Body, history: Body | None, to: str) -> str:
    """The revision that is meant, whole. Raises CliError where that is not exactly one of the history."""
    known = History.model_validate(history).spec.deliveries if history is not None else ()
    meant = matching(known, to)
    if len(meant) == 1:
        return meant[0].revision
    what = f"means {len(meant)} of them" if meant else "is none of them"
    raise CliError(f"{to} {what}: choose one of cpctl app history {_at(found)}")


def settled(body: Body | None, generation: int, asked: Callable[[Body], bool]) -> bool:
    """Whether an Application is Ready with what was asked of it.

    Raises CliError when it will not be by itself: it is gone, stuck or held.
    """
    if body is None:
        raise CliError("the Application was deleted meanwhile")
    status = body.get("status") or {}
    if status.get("observedGeneration", 0) < generation:
        return False
    if condition(body, "Ready").get("status") == "True" and asked(status):
        return True
    # a request is echoed only once it is carried out: what stops it is seen without
    if status.get("held"):
        raise CliError(
            f"{_at(body)} holds a change that would remove {status['held']['removes']} objects: cpctl app approve {_at(body)}",
            ExitCode.NOT_READY,
        )
    stalled = condition(body, "Stalled")
    if stalled.get("status") == "True":
        raise CliError(f"{_at(body)} is stuck: {stalled.get('reason')}: {stalled.get('message')}", ExitCode.NOT_READY)
    return False


async def _ready(client: Client, written: Body, wait_s: float, asked: Callable[[Body], bool]) -> str:
    meta = written["metadata"]
    generation = int(meta.get("generation") or 0)
    seen: Body = written

    def done(body: Body | None) -> bool:
        nonlocal seen
        seen = body or seen
        return settled(body, generation, asked)

    try:
        await until(client, APPLICATIONS, meta["name"], meta["namespace"], done=done, timeout_s=wait_s)
    except TimeoutError:
        ready = condition(seen, "Ready")
        why = f"{ready.get('reason')}: {ready.get('message')}" if ready else "the hub has not looked at it"
        raise CliError(f"{_at(seen)} is not Ready within {wait_s:g} s: {why}", ExitCode.NOT_READY) from None
    return f"{_at(seen)}: Ready at {(seen.get('status') or {}).get('revision') or '?'}"


async def _patch(client: Client, found: Body, spec: Body) -> Body:
    meta = found["metadata"]
    return await client.patch(
        APPLICATIONS, meta["name"], {"spec": spec}, meta["namespace"], kind="merge", field_manager=MANAGER
    )


def _suspended(body: Body) -> bool:
    suspend = body["spec"].get("suspend")
    return suspend is not None and in_force(suspend.get("until"))


def _request(status: Body) -> Body:
    return status.get("request") or {}


def _at(body: Body) -> str:
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
