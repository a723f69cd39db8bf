"""kubectl against one API server, as a person looks at it and acts on it; for the demo, which claims nothing unseen.

A wait is a watch (`kubectl get --watch`). What it has seen is read once more with a plain `kubectl get` before it is
believed, so that nothing is reported that was true for a moment only.
"""

import asyncio
import json
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from hack.environment import SCRIPTS
from hack.errors import HackError
from hack.product import run_tool
from hack.sight import Body, NotSeen, Objects, told

__all__ = ["Kubectl", "Seen", "Wait", "after"]

T = TypeVar("T")

WITHIN_S = 180.0
"""How long anything may take to come true. It bounds a failure, and says nothing of how fast anything is."""

LINE_LIMIT_BYTES = 1 << 22  # a line is an event with its whole object, which an API server keeps under 3 MB


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What came true, and when it was first seen, by time.monotonic()."""

    value: T
    at: float


class Wait(Generic[T]):
    """A watch that runs beside the act whose effect it waits for."""

    def __init__(self, task: asyncio.Task[Seen[T]], begun: asyncio.Event) -> None:
        """begun: set once the watch has shown its first object."""
        self._task, self._begun = task, begun

    async def begun(self) -> None:
        """Wait until the watch shows what is there, so that it will show what comes. Only where something is there."""
        await self._begun.wait()

    async def seen(self) -> Seen[T]:
        """Wait for what it watches for."""
        return await self._task


class Kubectl:
    """One cluster, by its cluster-admin kubeconfig."""

    def __init__(self, cluster: str, kubeconfig: Path, cache: Path) -> None:
        """cluster: what it is called in messages; cache: a folder for what kubectl remembers of API servers."""
        self.cluster = cluster
        self._to = ("--kubeconfig", str(kubeconfig), "--cache-dir", str(cache))

    async def run(self, *arguments: str) -> str:
        """Run kubectl. Returns what it printed; raises HackError if it fails."""
        return await run_tool("kubectl", *self._to, *arguments)

    async def get(self, kind: str, name: str, namespace: str = "") -> Body | None:
        """One object as it is now; None if it is not there."""
        found = await self.all(kind, namespace, name)
        return next(iter(found.values()), None)

    async def all(self, kind: str, namespace: str = "", name: str = "") -> Objects:
        """The objects of a kind as they are now: of one namespace or all ("" = all), of one name or any."""
        listing = json.loads(await self.run("get", *_selection(kind, namespace, name), "-o", "json"))
        return {_key(body): body for body in listing["items"]}

    def watch(
        self,
        group: asyncio.TaskGroup,
        what: str,
        kind: str,
        holds: Callable[[Objects], T | None],
        *,
        namespace: str = "",
        name: str = "",
        within_s: float = WITHIN_S,
    ) -> "Wait[T]":
        """Begin to watch a kind's objects (see `all`), until `holds` returns something true of them.

        what: the sentence that should come true, for the failure. The group gets NotSeen where it does not in time, and
        HackError where kubectl cannot watch.
        """
        begun = asyncio.Event()
        return Wait(group.create_task(self._until(what, kind, holds, namespace, name, within_s, begun)), begun)

    async def _until(
        self,
        what: str,
        kind: str,
        holds: Callable[[Objects], T | None],
        namespace: str,
        name: str,
        within_s: float,
        begun: asyncio.Event,
    ) -> Seen[T]:
        last: Objects = {}
        try:
            async with asyncio.timeout(within_s):
                while True:  # a server ends a watch when it likes
                    async with aclosing(self._states(kind, namespace, name)) as states:
                        async for last in states:
                            at = time.monotonic()
                            begun.set()
                            if holds(last) and (value := holds(await self.all(kind, namespace, name))):
                                return Seen(value, at)
        except TimeoutError:
            raise NotSeen(f"on {self.cluster}, within {within_s:.0f} s: {what}", told(last)) from None

    async def _states(self, kind: str, namespace: str, name: str) -> AsyncGenerator[Objects, None]:
        """The objects after each event. Ends when kubectl does."""
        process = await asyncio.create_subprocess_exec(
            SCRIPTS / "kubectl",
            *(*self._to, "get", *_selection(kind, namespace, name)),
            *("--watch", "--output-watch-events", "-o", "json"),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_LIMIT_BYTES,
        )
        assert process.stdout and process.stderr
        found: Objects = {}
        try:
            async for line in process.stdout:
                found = after(found, json.loads(line))
                yield found
            if await process.wait():
                said = (await process.stderr.read()).decode(errors="replace").strip()
                raise HackError(f"kubectl could not watch {kind} on {self.cluster}: {said}")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def after(found: Objects, event: Body) -> Objects:
    """The objects after an event of a watch, as kubectl prints it."""
    key = _key(event["object"])
    rest = {other: body for other, body in found.items() if other != key}
    return rest if event["type"] == "DELETED" else {**rest, key: event["object"]}


def _selection(kind: str, namespace: str, name: str) -> Iterator[str]:
    """Arguments that select objects without an error where there are none, as naming them would give."""
    yield kind
    yield from ("--namespace", namespace) if namespace else ("--all-namespaces",)
    if name:
        yield f"--field-selector=metadata.name={name}"


def _key(body: Body) -> str:
    metadata = body["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])
