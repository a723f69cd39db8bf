"""Which kubeconfig is used, and what a person is told when a server does not do what was asked."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlplane.cli.connect import explain, go, kubeconfig_path
from controlplane.cli.errors import CliError, ExitCode
from controlplane.kube.config import ConfigError
from controlplane.kube.errors import Forbidden, Invalid, NotFound, Unauthorized, Unreachable


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        pytest.param(
            Unreachable("GET https://x: refused"), ExitCode.NO_ACCESS, "is that API server up", id="no answer"
        ),
        pytest.param(Unauthorized(401, "Unauthorized", "no"), ExitCode.NO_ACCESS, "log in again", id="not known"),
        pytest.param(Forbidden(403, "Forbidden", "may not list"), ExitCode.NO_ACCESS, "--tenant", id="not allowed"),
        pytest.param(
            NotFound(404, "NotFound", "no", kind_missing=True), ExitCode.FAILED, "cpctl install hub", id="not a hub"
        ),
        pytest.param(NotFound(404, "NotFound", "there is none"), ExitCode.FAILED, "there is none", id="not there"),
        pytest.param(Invalid(422, "Invalid", "write this"), ExitCode.FAILED, "write this", id="refused"),
        pytest.param(ConfigError("k: not YAML"), ExitCode.NO_ACCESS, "--kubeconfig", id="a bad kubeconfig"),
        pytest.param(CliError("said already", ExitCode.NOT_READY), ExitCode.NOT_READY, "said already", id="ours"),
        pytest.param(
            ExceptionGroup("tasks", [ExceptionGroup("more", [CliError("inside")])]),
            ExitCode.FAILED,
            "inside",
            id="in groups",
        ),
    ],
)
def test_what_goes_wrong_becomes_a_line_and_a_code(error: Exception, code: ExitCode, says: str) -> None:
    told = explain(error)
    assert told.code is code
    assert says in str(told)
    assert "\n" not in str(told)


def test_a_fault_of_ours_is_no_message_for_people() -> None:
    with pytest.raises(ZeroDivisionError):
        explain(ZeroDivisionError())


@pytest.mark.parametrize("answer", [ExitCode.OK, ExitCode.NOT_READY, None])
def test_a_step_may_say_how_it_ends(answer: ExitCode | None) -> None:
    async def step() -> ExitCode | None:
        return answer

    assert go_apart(step) == (answer or ExitCode.OK)


def test_what_a_step_raises_becomes_a_cli_error() -> None:
    async def step() -> None:
        raise Unreachable("GET https://x: refused")

    with pytest.raises(CliError, match="is that API server up"):
        go_apart(step)


def test_a_kubeconfig_that_is_named_goes_before_variables_and_home(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    for name in ("own", "usual", ".kube/config"):
        (tmp_path / name).touch()
    own, usual, home = (str(tmp_path / name) for name in ("own", "usual", ".kube/config"))
    variables = {"HOME": str(tmp_path)}
    assert kubeconfig_path(Path("given"), variables) == Path("given")
    assert kubeconfig_path(None, variables) == Path(home)
    variables["KUBECONFIG"] = f"/nonexistent:{usual}"
    assert kubeconfig_path(None, variables) == Path(usual)
    variables["CONTROLPLANE_KUBECONFIG"] = own
    assert kubeconfig_path(None, variables) == Path(own)
    assert kubeconfig_path(None, {"HOME": "/nonexistent"}) is None


def test_a_variable_that_names_no_file_is_an_error_that_names_it() -> None:
    with pytest.raises(CliError, match="KUBECONFIG is /nonexistent"):
        kubeconfig_path(None, {"KUBECONFIG": "/nonexistent"})


def go_apart(step: Callable[[], Awaitable[object]]) -> int:
    """go() in a thread: it runs a loop of its own, and this thread's may be in use."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(go, step).result()
