"""The record survives being written and read, is published whole, and two commands never work on one state folder."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hack.errors import EnvironmentBroken
from hack.process import Command, Pid
from hack.record import Probe, Process, Record, locked, write_atomically

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=10)
paths = words.map(lambda word: Path("/") / word.replace("/", "-"))
probes = st.none() | st.builds(Probe, words, words, st.none() | paths, st.none() | paths, st.none() | paths)
pids = st.none() | st.builds(Pid, st.integers(1), st.integers(0))


@given(st.lists(words, min_size=1), st.dictionaries(words, words), paths, pids, probes)
def test_a_process_reads_back_as_it_was(
    argv: list[str], env: dict[str, str], log: Path, pid: Pid | None, probe: Probe | None
) -> None:
    process = Process(Command("name", tuple(argv), env, log), pid, probe)
    assert Process.from_json("name", json.loads(json.dumps(process.to_json()))) == process


def record(state: Path) -> Record:
    process = Process(Command("hub", ("/bin/true",), {"A": "b"}, state / "log"), Pid(7, 8), Probe("http://x"))
    return Record(state, {"hub": {"kubeconfig": "/k"}}, {"hub": process})


def test_a_record_reads_back_as_it_was(tmp_path: Path) -> None:
    written = record(tmp_path)
    written.publish(tmp_path / "env.json")
    assert Record.load(tmp_path) == written


def test_what_is_published_has_the_processes_in_the_agreed_shape(tmp_path: Path) -> None:
    record(tmp_path).publish(tmp_path / "env.json")
    published = json.loads((tmp_path / "env.json").read_text())
    assert published["hub"] == {"kubeconfig": "/k"}
    hub = published["processes"]["hub"]
    assert hub | {"pid": 7, "log": str(tmp_path / "log"), "start": ["/bin/true"], "env": {"A": "b"}} == hub


def test_each_change_reaches_the_published_file(tmp_path: Path) -> None:
    changing = record(tmp_path)
    changing.publish(tmp_path / "env.json")
    changing.processes["hub"] = Process(changing.processes["hub"].command, None, None)
    changing.save()
    assert json.loads((tmp_path / "env.json").read_text())["processes"]["hub"]["pid"] is None


def test_there_is_no_record_where_nothing_was_started(tmp_path: Path) -> None:
    assert Record.load(tmp_path) is None


def test_an_unknown_process_is_refused_with_the_names_that_exist(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentBroken, match="there are: hub"):
        record(tmp_path).process("agent")


def test_a_second_command_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path / "up"), pytest.raises(EnvironmentBroken, match="another command"), locked(tmp_path / "up"):
        pass
    with locked(tmp_path / "up"):
        pass


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"1")
    write_atomically(tmp_path / "a", b"2", 0o600)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"2")]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
