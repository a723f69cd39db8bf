"""The work queue: no key is lost, none runs twice at once, and failures are tried again later and later."""

import asyncio
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kube.queue import Done, WorkQueue
from controlplane.kube.settings import Backoff

FIXED = Backoff(first_s=1.0, max_s=8.0)


class VirtualClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, int, Callable[[], object], list[bool]]] = []
        self.count = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> "VirtualTimer":
        self.count += 1
        alive = [True]
        heapq.heappush(self.calls, (when, self.count, callback, alive))
        return VirtualTimer(alive)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self.calls and self.calls[0][0] <= until:
            when, _, callback, alive = heapq.heappop(self.calls)
            self.now = max(self.now, when)
            if alive[0]:
                callback()
        self.now = until


class VirtualTimer:
    def __init__(self, alive: list[bool]) -> None:
        self.alive = alive

    def cancel(self) -> None:
        self.alive[0] = False


async def settle() -> None:
    """Let every task run until it waits for something; no time passes."""
    for _ in range(10):
        await asyncio.sleep(0)


class Running:
    """A queue at work, whose handler waits for the test to say how each reconcile ends."""

    def __init__(self, workers: int = 4, backoff: Backoff = FIXED, share: int | None = None) -> None:
        self.clock = VirtualClock()
        self.done: list[Done[str]] = []
        group = None if share is None else lambda key: key[0]
        self.queue: WorkQueue[str] = WorkQueue(backoff=backoff, clock=self.clock, on_done=self.done.append, group=group)
        self.workers, self.share = workers, share
        self.started: list[str] = []
        self.active: dict[str, asyncio.Future[float | None]] = {}

    async def handler(self, key: str) -> float | None:
        assert key not in self.active, "two reconciles of one key at once"
        self.started.append(key)
        self.active[key] = asyncio.get_running_loop().create_future()
        try:
            return await self.active[key]
        finally:
            del self.active[key]

    async def finish(self, key: str, result: float | None | Exception = None) -> None:
        if isinstance(result, Exception):
            self.active[key].set_exception(result)
        else:
            self.active[key].set_result(result)
        await settle()

    async def __aenter__(self) -> "Running":
        self.group = asyncio.TaskGroup()
        await self.group.__aenter__()
        self.task = self.group.create_task(self.queue.run(self.handler, self.workers, share=self.share))
        await settle()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self.task.cancel()
        await self.group.__aexit__(*exc)


async def test_a_key_added_twice_runs_once() -> None:
    async with Running() as q:
        q.queue.add("a")
        q.queue.add("a")
        await settle()
        await q.finish("a")
        assert q.started == ["a"]
        assert (q.queue.depth, q.queue.running, q.queue.waiting, q.queue.handled) == (0, 0, 0, 1)


async def test_a_key_added_while_it_runs_runs_once_more_after_it() -> None:
    async with Running() as q:
        q.queue.add("a")
        await settle()
        q.queue.add("a")
        q.queue.add("a")
        await settle()
        assert q.started == ["a"]
        await q.finish("a")
        assert q.started == ["a", "a"]
        await q.finish("a")
        assert q.started == ["a", "a"]


async def test_no_more_reconciles_than_workers_and_first_come_first_served() -> None:
    async with Running(workers=2) as q:
        for key in "abcd":
            q.queue.add(key)
        await settle()
        assert q.started == ["a", "b"]
        q.queue.add("a")  # runs again, but behind those who wait
        await q.finish("a")
        assert q.started == ["a", "b", "c"]
        await q.finish("b")
        await q.finish("c")
        assert q.started == ["a", "b", "c", "d", "a"]


async def test_the_handlers_seconds_are_its_next_look_and_an_add_replaces_it() -> None:
    async with Running() as q:
        q.queue.add("a")
        await settle()
        await q.finish("a", 60.0)
        assert q.queue.waiting == 1
        q.clock.advance(30.0)
        q.queue.add("a")
        await settle()
        await q.finish("a", 60.0)
        q.clock.advance(59.0)  # the first look, at 60, is no longer due
        await settle()
        assert q.started == ["a", "a"]
        q.clock.advance(1.0)
        await settle()
        assert q.started == ["a", "a", "a"]


async def test_of_several_add_after_the_earliest_stands_and_an_add_does_not_undo_it() -> None:
    async with Running() as q:
        q.queue.add_after("a", 10.0)
        q.queue.add_after("a", 5.0)
        q.queue.add_after("a", 20.0)
        q.queue.add("a")
        await settle()
        await q.finish("a")
        q.clock.advance(5.0)
        await settle()
        assert q.started == ["a", "a"]
        await q.finish("a")
        q.clock.advance(100.0)
        await settle()
        assert q.started == ["a", "a"]


async def test_failures_back_off_and_a_success_forgets_them() -> None:
    async with Running() as q:
        q.queue.add("a")
        await settle()
        delays = []
        for _ in range(6):
            await q.finish("a", RuntimeError("no"))
            assert q.done[-1].next_s is not None
            delays.append(q.done[-1].next_s)
            q.clock.advance(q.done[-1].next_s)
            await settle()
        for delay, step in zip(delays, (1, 2, 4, 8, 8, 8), strict=True):
            assert step / 2 <= delay <= step
        assert q.queue.failures("a") == 6
        await q.finish("a")
        assert q.queue.failures("a") == 0
        assert q.done[-1].error is None


async def test_an_error_may_say_when_to_come_again() -> None:
    class Later(Exception):
        retry_after_s = 30.0

    async with Running() as q:
        q.queue.add("a")
        await settle()
        await q.finish("a", Later())
        assert q.done[-1].next_s is not None
        assert 30.0 < q.done[-1].next_s <= 33.0


async def test_an_add_does_not_wait_out_a_backoff() -> None:
    async with Running() as q:
        q.queue.add("a")
        await settle()
        await q.finish("a", RuntimeError("no"))
        q.queue.add("a")
        await settle()
        assert q.started == ["a", "a"]
        await q.finish("a")
        q.clock.advance(100.0)
        await settle()
        assert q.started == ["a", "a"], "the retry of the first failure was served by the second run"


async def test_what_came_in_during_a_failing_run_is_served_by_its_retry() -> None:
    async with Running() as q:
        q.queue.add("a")
        await settle()
        q.queue.add("a")
        await q.finish("a", RuntimeError("no"))
        assert q.started == ["a"], "a failing reconcile that adds itself must not spin"
        q.clock.advance(1.0)
        await settle()
        assert q.started == ["a", "a"]


async def test_forget_drops_everything_about_a_key() -> None:
    async with Running() as q:
        q.queue.add("a")
        await settle()
        await q.finish("a", RuntimeError("no"))
        q.queue.add_after("a", 3.0)
        q.queue.forget("a")
        q.clock.advance(100.0)
        await settle()
        assert q.started == ["a"]
        assert q.queue.failures("a") == 0
        assert q.queue.waiting == 0


async def test_close_lets_the_running_ones_end_and_starts_nothing() -> None:
    async with Running(workers=1) as q:
        q.queue.add("a")
        q.queue.add("b")
        await settle()
        q.queue.close()
        await settle()
        assert not q.task.done()
        await q.finish("a")
        assert q.task.done()
        assert q.started == ["a"]


async def test_a_cancelled_run_keeps_its_keys_for_the_next() -> None:
    q = Running(workers=1)
    async with q:
        q.queue.add("a")
        q.queue.add("b")
        await settle()
    assert q.queue.depth == 2
    assert q.queue.running == 0
    async with q:
        assert q.started[1:] in (["a"], ["b"])


async def test_one_timer_however_many_keys_wait() -> None:
    async with Running() as q:
        for n in range(1000):
            q.queue.add_after(f"k{n}", 1000.0 - n)
            q.queue.add_after("often", 2000.0 - n)
        alive = [call for call in q.clock.calls if call[3][0]]
        assert len(alive) == 1


async def test_it_runs_on_the_loops_own_clock() -> None:
    ran = asyncio.Event()

    async def handler(key: str) -> float | None:
        ran.set()
        queue.close()
        return None

    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.001)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(handler, workers=1))
    assert ran.is_set()


async def test_groups_take_turns_however_many_keys_one_has() -> None:
    async with Running(workers=1, share=1) as q:
        for key in ("a1", "a2", "a3", "a4", "b1", "c1", "b2"):
            q.queue.add(key)
        await settle()
        for key in ("a1", "b1", "c1", "a2", "b2", "a3"):
            await q.finish(key)
        assert q.started == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


async def test_a_group_whose_reconciles_never_end_leaves_places_for_others() -> None:
    async with Running(workers=4, share=3) as q:
        for number in range(9):
            q.queue.add(f"a{number}")
        await settle()
        assert q.started == ["a0", "a1", "a2"]
        q.queue.add("b1")
        await settle()
        assert q.started[3:] == ["b1"]
        await q.finish("a1")
        await q.finish("b1")
        assert q.started[4:] == ["a3"]


async def test_a_key_that_is_forgotten_leaves_its_group_to_the_others() -> None:
    async with Running(workers=1, share=1) as q:
        for key in ("a1", "a2", "b1"):
            q.queue.add(key)
        await settle()
        q.queue.forget("b1")
        await q.finish("a1")
        assert q.started == ["a1", "a2"]


KEYS = st.sampled_from(["a1", "a2", "b1"])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS),
        st.tuples(st.just("after"), KEYS, st.floats(0, 20)),
        st.tuples(st.just("advance"), st.floats(0.1, 30)),
        st.tuples(st.just("finish"), KEYS, st.one_of(st.none(), st.floats(0, 30), st.just("fail"))),
        st.tuples(st.just("settle")),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(operations=OPERATIONS, workers=st.integers(1, 3), share=st.none() | st.integers(1, 3))
def test_no_key_is_ever_lost_or_run_twice_at_once(
    operations: list[tuple[Any, ...]], workers: int, share: int | None
) -> None:
    asyncio.run(_play(operations, workers, share))


async def _play(operations: list[tuple[Any, ...]], workers: int, share: int | None) -> None:
    asked: dict[str, int] = defaultdict(int)  # how many starts there were of the key when it was last asked for
    async with Running(workers=workers, share=share) as q:
        for operation in operations:
            match operation:
                case ("add", key):
                    q.queue.add(key)
                    asked[key] = q.started.count(key) + 1
                case ("after", key, delay_s):
                    q.queue.add_after(key, delay_s)
                    asked[key] = q.started.count(key) + 1
                case ("advance", seconds):
                    q.clock.advance(seconds)
                case ("finish", key, result) if key in q.active:
                    await q.finish(key, RuntimeError("no") if result == "fail" else result)
                case _:
                    await settle()
            assert len(q.active) <= workers
            assert max(Counter(key[0] for key in q.active).values(), default=0) <= (share or workers)
        for _ in range(200):
            await settle()
            for key in list(q.active):
                await q.finish(key)
            q.clock.advance(60.0)
            if not (q.queue.depth or q.queue.running or q.queue.waiting):
                break
        else:
            pytest.fail("the queue never came to rest")
        for key, starts in asked.items():
            assert q.started.count(key) >= starts, f"{key} was asked for and not run"


async def test_a_grown_backoff_is_not_waited_out_for_what_came_in_during_the_failing_run() -> None:
    async with Running(backoff=Backoff(first_s=1.0, max_s=600.0)) as q:
        q.queue.add("a")
        await settle()
        for _ in range(8):
            await q.finish("a", RuntimeError("no"))
            q.clock.advance(600.0)
            await settle()
        q.queue.add("a")
        await q.finish("a", RuntimeError("no"))
        assert q.done[-1].failures == 9
        assert q.done[-1].next_s is not None and q.done[-1].next_s <= 1.0


async def test_at_rest_waits_for_what_is_ready_and_for_what_runs_but_not_for_what_is_scheduled() -> None:
    queue: WorkQueue[str] = WorkQueue(backoff=FIXED)
    await queue.at_rest()  # nothing was added
    let_go = asyncio.Event()

    async def handler(key: str) -> float | None:
        await let_go.wait()
        return 3600.0

    queue.add("a")
    resting = asyncio.create_task(queue.at_rest())
    running = asyncio.create_task(queue.run(handler))
    await settle()
    assert not resting.done() and queue.running == 1
    let_go.set()
    await resting
    assert (queue.depth, queue.running, queue.waiting) == (0, 0, 1)
    queue.add("b")
    queue.close()
    queue.forget("b")
    await queue.at_rest()
    await running
