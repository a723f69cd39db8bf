"""How cpctl begins and ends: at once where no work is to be done, with one line where something is wrong."""

import json
import os
import subprocess
import sys
from typing import NamedTuple

import pytest

from controlplane import __version__
from controlplane.cli.main import run
from tests.testdata import ROOT

HEAVY = ("kopf", "kubernetes", "aiohttp", "pygit2", "pydantic")

_PROBE = f"""
import contextlib, io, json, sys
from controlplane.cli import main
answers = []
for arguments in json.load(sys.stdin):
    sys.argv[1:] = arguments
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = None
        except SystemExit as end:
            code = end.code
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    answers.append([code, out.getvalue(), err.getvalue(), loaded])
json.dump(answers, sys.stdout)
"""


class Ended(NamedTuple):
    """How one run of cpctl ended, and which of the heavy packages were there at its end."""

    code: int
    out: str
    err: str
    loaded: list[str]


def cpctl(*runs: tuple[str, ...]) -> list[Ended]:
    """Each of the runs, one after the other, in one fresh process: what one of them loads all later ones are blamed for."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], input=json.dumps(runs), env=environment, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    return [Ended(*answer) for answer in json.loads(done.stdout)]


LIGHT = (
    (("--version",), 0, __version__),
    (("--help",), 0, "Usage: cpctl"),
    ((), 2, "Usage: cpctl"),
    (("app", "--help"), 0, "Usage: cpctl app"),
    (("app", "get", "--help"), 0, "Usage: cpctl app get"),
    (("cluster", "add", "--help"), 0, "Usage: cpctl cluster add"),
    (("status", "-h"), 0, "Usage: cpctl status"),
    (("policy", "--help"), 0, "Usage: cpctl policy"),
    (("policy", "why", "delivery"), 2, "cpctl: Missing argument 'TENANT'; see: cpctl policy why --help"),
    (("tenant", "check", "--help"), 0, "Usage: cpctl tenant check"),
    (("nonsense",), 2, "cpctl: No such command 'nonsense'; see: cpctl --help"),
    (("app", "get"), 2, "cpctl: Missing argument 'NAME'; see: cpctl app get --help"),
    (("app", "list", "--nonsense"), 2, "cpctl: No such option: --nonsense; see: cpctl app list --help"),
    (("app", "list", "-o", "xml"), 2, "'xml' is not one of 'table', 'json', 'yaml'; see: cpctl app list --help"),
    (("app", "list", "--kubeconfig", "/nonexistent/config"), 2, "'/nonexistent/config' does not exist"),
    (("app", "sync", "web", "--timeout", "soon"), 2, "'soon' is not a valid float"),
    (("app", "list", "-n", "a", "-t", "b"), 2, "give either a namespace or a tenant; see: cpctl app list --help"),
    (("cluster", "add", "east"), 2, "name the cluster that joins"),
    (("cluster", "add", "east", "--context", "c", "--label", "nonsense"), 2, "'nonsense' is not of the form key=value"),
    (("install", "hub", "--set", "=value"), 2, "'=value' is not of the form key=value; see: cpctl install hub --help"),
    (("status", "--watch", "--check"), 2, "leave out --watch"),
    (("cluster", "remove", "east", "--force", "--member-kubeconfig", "/dev/null"), 2, "--force"),
)


@pytest.fixture(scope="module")
def light() -> dict[tuple[str, ...], Ended]:
    arguments = [case[0] for case in LIGHT]
    return dict(zip(arguments, cpctl(*arguments), strict=True))


@pytest.mark.parametrize(("arguments", "code", "says"), LIGHT, ids=[" ".join(case[0]) or "nothing" for case in LIGHT])
def test_help_and_misuse_are_answered_without_loading_what_the_work_needs(
    light: dict[tuple[str, ...], Ended], arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended = light[arguments]
    assert (ended.code, ended.loaded) == (code, [])
    assert says in ended.out + ended.err


def test_misuse_is_told_in_one_line(light: dict[tuple[str, ...], Ended]) -> None:
    misused = [ended for arguments, ended in light.items() if ended.code and arguments]
    assert len(misused) > 5
    assert all(ended.err.startswith("cpctl: ") and ended.err.count("\n") == 1 and not ended.out for ended in misused)


def test_the_modules_that_say_what_the_commands_are_may_load_nothing_that_does_the_work() -> None:
    (ended,) = cpctl(("app", "list"))  # really runs, and finds no kubeconfig: the probe does see what is loaded
    assert ended.err == "cpctl: no kubeconfig: name one with --kubeconfig or CONTROLPLANE_KUBECONFIG\n"
    assert (ended.code, "aiohttp" in ended.loaded) == (4, True)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"cpctl {__version__}\n"


def test_the_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["--help"])
    assert "Exit codes: 0 done" in capsys.readouterr().out
