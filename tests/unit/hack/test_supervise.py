"""Processes of an environment come up ready, find another port when theirs is taken, and all end."""

import socket
import sys
from pathlib import Path

import pytest

from hack.errors import StartFailed
from hack.ports import HOST
from hack.process import Command, find_marked, is_alive
from hack.record import Probe, Process, Record
from hack.supervise import Supervisor, ready

SERVER = """
import http.server, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def supervisor(folder: Path) -> Supervisor:
    state = folder / "state"
    state.mkdir()
    return Supervisor(Record(state))


def build(by: Supervisor, port: int) -> tuple[Command, Probe]:
    return by.command("server", sys.executable, "-c", SERVER, str(port)), Probe(f"http://{HOST}:{port}/healthz")


async def test_a_server_is_ready_when_start_returns_and_gone_when_stop_does(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    port = await by.start_on_free_port(lambda port: build(by, port))
    probe = build(by, port)[1]
    assert await ready(probe)
    await by.stop("server")
    assert not await ready(probe)
    assert by.record.process("server").pid is None
    await by.end_all()


async def test_a_server_whose_port_is_taken_gets_another(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        asked: list[int] = []

        def unlucky(port: int) -> tuple[Command, Probe]:
            asked.append(port)
            return build(by, taken.getsockname()[1] if len(asked) == 1 else port)

        await by.start_on_free_port(unlucky)
    assert len(asked) == 2
    await by.end_all()


async def test_a_process_that_ends_while_it_starts_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    failing = by.command("failing", sys.executable, "-c", "raise SystemExit('no disk left')")
    with pytest.raises(StartFailed, match="no disk left") as caught:
        await by.start(failing, Probe(f"http://{HOST}:1/"))
    assert str(caught.value.log) in str(caught.value)
    with pytest.raises(StartFailed, match="no disk left"):
        await by.start(failing, None)


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    with pytest.raises(StartFailed, match="could not be executed"):
        await by.start(by.command("none", tmp_path / "none"), None)


async def test_a_process_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    silent = by.command("silent", sys.executable, "-c", "import signal; signal.pause()")
    with pytest.raises(StartFailed, match="was not ready within"):
        await by.start(silent, Probe(f"http://{HOST}:1/"), limit_s=0.2)
    assert find_marked(by.record.state) == []


async def test_a_restart_has_the_same_arguments_and_another_pid(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    port = await by.start_on_free_port(lambda port: build(by, port))
    before = by.record.process("server")
    assert await by.restart("server") == before.pid  # it runs: left alone
    await by.stop("server", kill=True)
    await by.restart("server")
    after = by.record.process("server")
    assert after.command == before.command
    assert after.pid and after.pid != before.pid
    assert await ready(build(by, port)[1])
    assert Record.load(by.record.state) == by.record
    await by.end_all()


async def test_all_end_even_those_that_no_record_names(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    await by.start_on_free_port(lambda port: build(by, port))
    pid = by.record.process("server").pid
    by.record.processes.clear()
    await by.end_all()
    assert pid and not is_alive(pid)


def test_a_program_with_a_home_of_its_own_does_not_see_the_state_folder_as_its_home(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    assert by.command("hub", "/bin/true", home=tmp_path / "hub").env["HOME"] == str(tmp_path / "hub")


async def test_a_program_that_listens_nowhere_is_ready_when_its_log_says_so(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    program = "import signal; print('come up', flush=True); signal.pause()"
    await by.start(by.command("agent", sys.executable, "-c", program), Probe(says="come up"))
    await by.stop("agent")
    await by.restart("agent")
    log = (by.logs / "agent.log").read_text()
    assert log.count("come up") == 2  # what the first run said was not taken for the second
    await by.end_all()


async def test_a_restarted_process_that_is_late_is_left_running(tmp_path: Path) -> None:
    by = supervisor(tmp_path)
    silent = by.command("silent", sys.executable, "-c", "import signal; signal.pause()")
    await by.start(silent, None)
    await by.stop("silent", kill=True)
    by.record.processes["silent"] = Process(silent, None, Probe(says="never"))
    with pytest.raises(StartFailed, match="runs, but was not ready"):
        await by.restart("silent", limit_s=0.2)
    assert find_marked(by.record.state)
    await by.end_all()
