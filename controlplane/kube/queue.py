"""The work queue: keys in, one reconcile of a key at a time, and the one retry policy of the whole system.

It carries keys, never events, so merging is safe and nothing ever has to be dropped: its size is bounded by the number
of objects. There is no timer task and no idle worker: a reconcile is a task of its own, and waiting keys share one timer.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from controlplane.kube.settings import Backoff

__all__ = ["Clock", "Done", "Timer", "WorkQueue"]

K = TypeVar("K", bound=Hashable)


class Timer(Protocol):
    """What a clock gives for a call that is still to come."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """The part of an event loop that tells and awaits time; an asyncio loop is one."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer: ...


@dataclass(frozen=True, slots=True)
class Done(Generic[K]):
    """One finished reconcile, for logs and metrics."""

    key: K
    waited_s: float  # from the first add to its start
    took_s: float
    error: Exception | None
    failures: int  # in a row, this one counted; 0 after success
    next_s: float | None  # seconds until it runs again by itself


class WorkQueue(Generic[K]):
    """De-duplicated keys with at most one reconcile of each at a time.

    Metrics are plain attributes: depth, running, waiting (scheduled for later), handled, failed.
    Not thread-safe: everything happens in one event loop.

    clock: None = the running loop. on_done: called after each reconcile; an error in it ends run().
    group: whose a key is. Groups take turns, however many keys one has, so that nobody waits for another's thousand.
    """

    def __init__(
        self,
        *,
        backoff: Backoff | None = None,
        clock: Clock | None = None,
        on_done: Callable[[Done[K]], None] | None = None,
        group: Callable[[K], Hashable] | None = None,
    ) -> None:
        self.handled = 0
        self.failed = 0
        self._backoff = backoff or Backoff()
        self._given_clock = clock
        self._on_done = on_done
        self._group = group or (lambda key: None)
        self._ready: dict[K, float] = {}  # key -> when it was first added
        self._turns: dict[
            Hashable, dict[K, None]
        ] = {}  # groups with ready keys, next first -> those, in order of arrival
        self._places: Counter[Hashable] = Counter()  # group -> how many of its keys run
        self._running: dict[K, float | None] = {}  # key -> when it was added again while it ran
        self._failures: dict[K, int] = {}
        # A key can be due twice: its own next look, which each new run replaces, and what add_after asked for, which
        # stands until it is served. (key, own) -> time; the heap may hold stale entries.
        self._due: dict[tuple[K, bool], float] = {}
        self._heap: list[tuple[float, int, K, bool]] = []
        self._sequence = 0
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._wake = asyncio.Event()
        self._resting = asyncio.Event()
        self._resting.set()
        self._closed = False

    @property
    def depth(self) -> int:
        """Keys that could run now."""
        return len(self._ready)

    @property
    def running(self) -> int:
        """Reconciles under way."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Keys that are scheduled for later (a key may also be ready or running)."""
        return len({key for key, _ in self._due})

    def failures(self, key: K) -> int:
        """How often the key's reconcile has failed in a row."""
        return self._failures.get(key, 0)

    def add(self, key: K) -> None:
        """Run the key as soon as there is a place: once, however often it is added; once more if it runs just now.

        Does not wait out a backoff: an add means that something is new.
        """
        if key in self._running:
            if self._running[key] is None:
                self._running[key] = self._clock.time()
        else:
            self._put(key, self._clock.time())

    def add_after(self, key: K, delay_s: float) -> None:
        """Add the key in so many seconds; of several times for one key, the earliest stands."""
        if delay_s <= 0:
            self.add(key)
        else:
            self._schedule(key, self._clock.time() + delay_s, own=False)

    def forget(self, key: K) -> None:
        """Drop what is known of a key: its place in the queue, its times, its failures. A reconcile under way ends as it does."""
        self._take(key)
        self._failures.pop(key, None)
        self._due.pop((key, True), None)
        self._due.pop((key, False), None)
        if key in self._running:
            self._running[key] = None
        self._rest_if_done()

    async def at_rest(self) -> None:
        """Wait until no key can run and none runs. Keys that are scheduled for later do not count."""
        await self._resting.wait()

    def close(self) -> None:
        """Start nothing more; run() returns once the reconciles under way have ended."""
        self._closed = True
        self._wake.set()

    async def run(
        self, handler: Callable[[K], Awaitable[float | None]], workers: int = 16, *, share: int | None = None
    ) -> None:
        """Reconcile keys until close() or cancellation. One run per queue.

        handler: gets a key, reads fresh state, and returns the seconds until the next look, or None for no look of its
            own. An Exception from it means: again, after a backoff, or after its retry_after_s where it carries that.
        workers: how many reconciles at once. share: how many of one group at most; None = all of them. With less than all,
            a group whose reconciles take for ever leaves places for the others.
        """
        self._arm()
        try:
            async with asyncio.TaskGroup() as tasks:
                while not self._closed:
                    self._wake.clear()
                    while len(self._running) < workers and not self._closed:
                        key, added = self._next(share or workers)
                        if key is None:
                            break
                        self._running[key] = None
                        self._due.pop((key, True), None)
                        tasks.create_task(self._reconcile(handler, key, added), name=f"reconcile:{key}")
                    await self._wake.wait()
        finally:
            if self._timer:
                self._timer.cancel()
                self._timer = None

    def _put(self, key: K, added: float) -> None:
        if key not in self._ready:
            self._ready[key] = added
            self._turns.setdefault(self._group(key), {})[key] = None
            self._resting.clear()
            self._wake.set()

    def _take(self, key: K) -> float | None:
        """Take a key out; when it was added, None where it was not ready."""
        added = self._ready.pop(key, None)
        if added is not None:
            keys = self._turns[self._group(key)]
            del keys[key]
            if not keys:
                del self._turns[self._group(key)]
        return added

    def _next(self, share: int) -> tuple[K | None, float]:
        """The next key to run and when it was added; None where no group with ready keys has a place."""
        for group, keys in self._turns.items():
            if self._places[group] < share:
                key = next(iter(keys))
                self._turns[group] = self._turns.pop(group)  # its next turn comes after everybody else's
                self._places[group] += 1
                added = self._take(key)
                assert added is not None
                return key, added
        return None, 0.0

    def _leave(self, key: K) -> float | None:
        """A reconcile has ended; when its key was added again meanwhile."""
        group = self._group(key)
        self._places[group] -= 1
        if not self._places[group]:
            del self._places[group]
        return self._running.pop(key)

    async def _reconcile(self, handler: Callable[[K], Awaitable[float | None]], key: K, added: float) -> None:
        started = self._clock.time()
        error: Exception | None = None
        next_s: float | None = None
        try:
            next_s = await handler(key)
        except Exception as err:  # the one place where a reconcile's failure ends; it becomes a retry and a report
            error = err
        except BaseException:  # cancelled: it did not happen, so the key stays, for a next run()
            self._leave(key)
            self._put(key, added)
            raise
        again = self._leave(key)
        ended = self._clock.time()
        self._wake.set()
        self.handled += 1
        if error is None:
            self._failures.pop(key, None)
        else:
            self.failed += 1
            self._failures[key] = self._failures.get(key, 0) + 1
            next_s = self._retry_s(error, self._failures[key])
            if again is not None and getattr(error, "retry_after_s", None) is None:
                next_s = min(next_s, self._backoff.delay_s(1))  # what failed may be mended by what came in meanwhile
            again = None  # and is served by the retry
        if again is not None:
            self._put(key, again)
        if next_s is not None:
            self._schedule(key, ended + max(next_s, 0.0), own=True)
        self._rest_if_done()
        if self._on_done:
            self._on_done(Done(key, started - added, ended - started, error, self.failures(key), next_s))

    def _rest_if_done(self) -> None:
        if not self._ready and not self._running:
            self._resting.set()

    def _retry_s(self, error: Exception, failures: int) -> float:
        asked = getattr(error, "retry_after_s", None)
        backoff_s = self._backoff.delay_s(failures)
        # the server's word is a minimum; the part of the backoff spreads those who were sent away together
        return backoff_s if asked is None else float(asked) + min(backoff_s, 0.1 * float(asked))

    @property
    def _clock(self) -> Clock:
        return self._given_clock or asyncio.get_running_loop()

    def _schedule(self, key: K, when: float, *, own: bool) -> None:
        due = self._due.get((key, own))
        if due is not None and due <= when:
            return
        self._due[key, own] = when
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, key, own))
        if len(self._heap) > 64 + 4 * len(self._due):  # a key that runs often leaves its replaced times behind
            self._heap = [entry for entry in self._heap if self._due.get((entry[2], entry[3])) == entry[0]]
            heapq.heapify(self._heap)
        self._arm()

    def _arm(self) -> None:
        """One timer, for the earliest time of all."""
        while self._heap and self._due.get((self._heap[0][2], self._heap[0][3])) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap:
            return
        when = self._heap[0][0]
        if self._timer and self._timer_at <= when:
            return
        if self._timer:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._clock.time()
        while self._heap and self._heap[0][0] <= now:
            when, _, key, own = heapq.heappop(self._heap)
            if self._due.get((key, own)) == when:
                del self._due[key, own]
                self.add(key)
        self._arm()
