"""A process is told apart from a stranger with its number, ends when told to, and leaves no children behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from hack.process import MARKER, Command, Pid, end, find_marked, identify, is_alive, spawn, wait_end

FOREVER = "import signal; print('here', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); signal.pause()"
PARENT = (
    "import subprocess, sys, signal; p = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'],"
    " start_new_session=True); print('here', flush=True); signal.pause()"
)


def command(folder: Path, program: str, name: str = "one") -> Command:
    return Command(name, (sys.executable, "-c", program), {MARKER: str(folder)}, folder / f"{name}.log")


async def started(what: Command) -> Pid:
    """Start it and wait until its program has come to say so."""
    pid = spawn(what)
    while "here" not in what.log.read_text():
        assert not await wait_end(pid, 0.01)
    return pid


async def test_a_process_lives_until_it_is_ended(tmp_path: Path) -> None:
    pid = await started(command(tmp_path, FOREVER))
    assert is_alive(pid)
    await end(pid, grace_s=10)
    assert not is_alive(pid)


async def test_one_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    pid = await started(command(tmp_path, DEAF))
    await end(pid, grace_s=0.1)
    assert not is_alive(pid)


async def test_a_stranger_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    pid = await started(command(tmp_path, FOREVER))
    stranger = Pid(pid.number, pid.started - 1)
    assert not is_alive(stranger)
    await end(stranger, grace_s=1)
    assert is_alive(pid)
    await end(pid, grace_s=10)


async def test_it_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    pid = await started(command(tmp_path, FOREVER))
    assert os.getsid(pid.number) == pid.number
    await end(pid, grace_s=10)


async def test_both_streams_go_to_the_log(tmp_path: Path) -> None:
    what = command(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr)")
    assert await wait_end(spawn(what), 10)
    assert what.log.read_text().split() == ["out", "err"]


async def test_nothing_of_our_own_variables_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somebody/else")
    what = command(tmp_path, "import os; print(os.environ.get('KUBECONFIG'))")
    assert await wait_end(spawn(what), 10)
    assert what.log.read_text() == "None\n"


async def test_a_child_that_outlives_a_killed_parent_is_found_by_its_marker(tmp_path: Path) -> None:
    parent = await started(command(tmp_path, PARENT))
    await end(parent, grace_s=10, kill=True)
    (child,) = find_marked(tmp_path)
    await end(child, grace_s=10)
    assert find_marked(tmp_path) == []


def test_a_number_that_nobody_has_is_nobody() -> None:
    assert identify(2**22 + 1) is None  # above the largest that Linux gives out


async def test_ending_what_has_ended_is_no_error(tmp_path: Path) -> None:
    pid = await started(command(tmp_path, FOREVER))
    os.kill(pid.number, signal.SIGKILL)
    assert await wait_end(pid, 10)
    await end(pid, grace_s=1)


def test_a_program_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        spawn(Command("none", (str(tmp_path / "none"),), {}, tmp_path / "log"))


async def test_a_process_whose_first_thread_has_ended_lives_on_as_long_as_another_does(tmp_path: Path) -> None:
    program = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start(); "
        "print('here', flush=True); ctypes.CDLL(None).syscall(ctypes.c_long(60), ctypes.c_long(0))"  # exit(2), of one thread
    )
    pid = await started(command(tmp_path, program))
    try:
        async with asyncio.timeout(10):
            while not _first_thread_has_ended(pid):  # noqa: ASYNC110  the kernel tells nobody
                await asyncio.sleep(0.01)
        assert is_alive(pid)
        assert not await wait_end(pid, 0.05)
    finally:
        await end(pid, grace_s=5, kill=True)
    assert not is_alive(pid)


def _first_thread_has_ended(pid: Pid) -> bool:
    return "State:\tZ" in Path(f"/proc/{pid.number}/status").read_text()


async def test_a_process_inherits_nothing_that_was_left_open(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    pid = spawn(Command("sleeper", ("/bin/sleep", "infinity"), {}, tmp_path / "log"))
    os.close(writing)
    assert os.read(reading, 1) == b""  # nobody else holds the other end
    os.close(reading)
    await end(pid, grace_s=1, kill=True)
