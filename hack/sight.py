"""What the demo looks for in objects, and how it says what it found. Pure functions on objects as kubectl prints them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hack.errors import HackError

__all__ = [
    "Body", "Healing", "NotSeen", "Objects", "Refused", "Undoing", "all_made", "all_ready", "all_run", "all_there", "data",
    "delivered", "gone", "ready", "refused", "told", "undoing", "undone",
]  # fmt: skip

Body = dict[str, Any]
Objects = Mapping[str, Body]
"""Objects of one kind by "namespace/name", or by name where they have no namespace."""

MOST_CHARACTERS = 600  # of an object in a failure: enough to see what is wrong with it


class NotSeen(HackError):
    """What should have been there, and what was there instead."""

    def __init__(self, expected: str, found: Iterable[str]) -> None:
        """found: lines."""
        self.expected, self.found = expected, tuple(found)
        super().__init__(f"expected {expected}; found: {'; '.join(self.found)}")


def _condition(body: Body, kind: str) -> Body:
    found = (body.get("status") or {}).get("conditions") or []
    return next((each for each in found if each.get("type") == kind), {})


def ready(body: Body) -> bool:
    """Whether an object says Ready of its newest spec."""
    condition = _condition(body, "Ready")
    generation = body["metadata"].get("generation", 0)
    return condition.get("status") == "True" and condition.get("observedGeneration", generation) >= generation


def all_there(*names: str) -> Callable[[Objects], bool]:
    """Whether objects of these names (with their namespace) are there."""
    return lambda found: set(names) <= set(found)


def all_made(by_root: Mapping[str, Iterable[str]]) -> Callable[[Objects], bool]:
    """Whether the children of each root are there, and carry its name as their parent's."""
    wanted = {child: root.partition("/")[2] for root, children in by_root.items() for child in children}
    return lambda found: all(
        child in found and (found[child]["metadata"].get("labels") or {}).get("controlplane.dev/parent") == parent
        for child, parent in wanted.items()
    )


def all_ready(*names: str) -> Callable[[Objects], bool]:
    """Whether objects of these names are there, and Ready."""
    return lambda found: all(name in found and ready(found[name]) for name in names)


def gone(name: str) -> Callable[[Objects], bool]:
    """Whether there is no object of this name."""
    return lambda found: name not in found


def all_run(*names: str) -> Callable[[Objects], int | None]:
    """How many pods run, once every one of these Deployments has all that it wants; else None."""

    def count(found: Objects) -> int | None:
        if not all(name in found and _runs(found[name]) for name in names):
            return None
        return sum(int(found[name]["status"].get("availableReplicas", 0)) for name in names)

    return count


def _runs(deployment: Body) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return bool(seen and status.get("availableReplicas", 0) == status.get("updatedReplicas", 0) == wanted)


def data(name: str, **wanted: str) -> Callable[[Objects], Mapping[str, str] | None]:
    """A ConfigMap's data, once it holds these values; else None."""

    def look(found: Objects) -> Mapping[str, str] | None:
        values: dict[str, str] = (found.get(name) or {}).get("data") or {}
        return values if values.items() >= wanted.items() else None

    return look


def delivered(name: str, commit: str) -> Callable[[Objects], Body | None]:
    """The status of an Application once it is Ready with this commit delivered ("" = any); else None."""

    def look(found: Objects) -> Body | None:
        body = found.get(name)
        if body is None or not ready(body):
            return None
        status: Body = body["status"]
        return status if status.get("revision", "").endswith(f":{commit}" if commit else "") else None

    return look


@dataclass(frozen=True, slots=True)
class Refused:
    """What an Application says of a commit that was refused."""

    object: str
    file: str
    line: int
    rule: str
    reason: str
    message: str


def refused(name: str, commit: str) -> Callable[[Objects], Refused | None]:
    """The first refusal of this commit that an Application tells, with its rule; None until it does."""

    def look(found: Objects) -> Refused | None:
        body = found.get(name) or {"metadata": {}}
        status = body.get("status") or {}
        denied = _condition(body, "Ready").get("reason") == "Denied"
        tried = status.get("attemptedRevision", "").endswith(f":{commit}")
        delivered = status.get("revision", "").endswith(f":{commit}")
        problem = next((each for each in status.get("problems") or [] if each.get("rule")), None)
        if problem is None or not denied or not tried or delivered:
            return None
        texts = {key: problem.get(key, "") for key in ("object", "file", "rule", "reason", "message")}
        return Refused(line=problem.get("line", 0), **texts)

    return look


class Healing:
    """Follows a Deployment's replicas: changed by somebody, and then again as Git wants them."""

    def __init__(self, name: str, wanted: int) -> None:
        self._name, self._wanted = name, wanted
        self._disturbed = False

    def __call__(self, found: Objects) -> bool:
        """Whether both were seen, in this order."""
        replicas = ((found.get(self._name) or {}).get("spec") or {}).get("replicas")
        self._disturbed |= replicas is not None and replicas != self._wanted
        return self._disturbed and replicas == self._wanted


@dataclass(frozen=True, slots=True)
class Undoing:
    """A foreign write and the one that undid it, as the API server wrote them down. took_s: between its two answers."""

    took_s: float
    writer: str
    acted_as: str


def undoing(lines: Iterable[bytes], resource: str, namespace: str, name: str) -> Undoing | None:
    """The first write of an object's scale in an audit log, and the first impersonated write of the object after it."""
    scaled: datetime | None = None
    for line in lines:
        entry = json.loads(line)
        what = entry.get("objectRef") or {}
        if entry["verb"] not in ("patch", "update") or (what.get("resource"), what.get("namespace"), what.get("name")) != (
            resource, namespace, name,
        ):  # fmt: skip
            continue
        answered = datetime.fromisoformat(entry["stageTimestamp"])
        if scaled is None:
            scaled = answered if what.get("subresource") == "scale" else None
        elif "subresource" not in what and (acted_as := (entry.get("impersonatedUser") or {}).get("username")):
            return Undoing((answered - scaled).total_seconds(), entry["user"]["username"], acted_as)
    return None


def undone(application: str, more_than: int) -> Callable[[Objects], Body | None]:
    """What an agent's Works report of the last foreign write that was undone, once it is more than so many; else None.

    application: its name, with its namespace.
    """

    def look(found: Objects) -> Body | None:
        drifts = (
            body["status"].get("drift") or {}
            for body in found.values()
            if "status" in body
            and "/".join(body["spec"]["application"][k] for k in ("namespace", "name")) == application
        )
        return next((drift for drift in drifts if drift.get("healed", 0) > more_than), None)

    return look


def told(found: Objects, most: int = 4) -> Iterator[str]:
    """Objects as a failure shows them: a line each, with conditions and problems where they have any, else their content."""
    if not found:
        yield "nothing of that kind"
    for key, body in sorted(found.items())[:most]:
        status = body.get("status") or {}
        conditions = [
            f"{each['type']}={each['status']} {each.get('reason', '')}: {each.get('message', '')}".rstrip(": ")
            for each in status.get("conditions") or []
        ]
        content = {part: body[part] for part in ("spec", "data", "status") if part in body}
        yield f"{body['kind']} {key}: {_cut('; '.join(conditions) or json.dumps(content))}"
        for problem in status.get("problems") or []:
            yield f"    {_cut(json.dumps(problem))}"
    if len(found) > most:
        yield f"and {len(found) - most} more"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
