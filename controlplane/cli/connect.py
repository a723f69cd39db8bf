"""From the command line to an open client of an API server, and from what can go wrong there to one line for a person."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.options import Place
from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig, ConfigError, from_kubeconfig, in_cluster
from controlplane.kube.errors import Forbidden, KubeError, NotFound, Unauthorized, Unreachable
from controlplane.kube.settings import ClientSettings

__all__ = ["config_of", "connect", "explain", "go", "kubeconfig_path", "opened"]


def go(step: Callable[[], Awaitable[object]]) -> int:
    """Run a command's asynchronous part; gives the exit code that it returned, or OK.

    Raises CliError for whatever it could not do.
    """

    async def run() -> object:
        return await step()

    try:
        answer = asyncio.run(run())
        return answer if isinstance(answer, ExitCode) else ExitCode.OK
    except (CliError, KubeError, ConfigError, BaseExceptionGroup) as err:
        raise explain(err) from err
    except KeyboardInterrupt:
        raise CliError("interrupted", ExitCode.INTERRUPTED) from None


def explain(err: BaseException) -> CliError:
    """One line that says what to do, for an error of ours. Other errors are faults, and raised as they are."""
    while isinstance(err, BaseExceptionGroup):
        err = err.exceptions[0]
    match err:
        case CliError():
            return err
        case ConfigError():
            return CliError(f"{err} (name another with --kubeconfig or --context)", ExitCode.NO_ACCESS)
        case Unreachable():
            return CliError(
                f"{err.message}; is that API server up, and the kubeconfig the right one?", ExitCode.NO_ACCESS
            )
        case Unauthorized():
            return CliError(
                "the API server does not know these credentials (any more): log in again, or name another --kubeconfig",
                ExitCode.NO_ACCESS,
            )
        case Forbidden():
            return CliError(
                f"{err.message}; name your team with --tenant, or ask the platform team", ExitCode.NO_ACCESS
            )
        case NotFound(kind_missing=True):
            return CliError(
                "this API server has none of our kinds: name the hub's --kubeconfig, or run cpctl install hub"
            )
        case KubeError():
            return CliError(err.message)
    raise err


def kubeconfig_path(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The kubeconfig to use; None where there is none at all. Raises CliError for a variable that names none that is there."""
    if given is not None:
        return given
    for variable in ("CONTROLPLANE_KUBECONFIG", "KUBECONFIG"):
        if value := environ.get(variable):
            named = [Path(part).expanduser() for part in value.split(os.pathsep) if part]
            found = next((path for path in named if path.is_file()), None)
            if found is None:
                raise CliError(f"{variable} is {value}, and there is no such file", ExitCode.NO_ACCESS)
            return found
    home = Path(environ.get("HOME") or "~").expanduser() / ".kube" / "config"
    return home if home.is_file() else None


def config_of(kubeconfig: Path | None, context: str | None) -> ClusterConfig:
    """How to reach the API server that was named, else the pod's own. Raises CliError, ConfigError."""
    path = kubeconfig_path(kubeconfig)
    if path is not None:
        return from_kubeconfig(path, context)
    try:
        return in_cluster()
    except ConfigError:
        raise CliError(
            "no kubeconfig: name one with --kubeconfig or CONTROLPLANE_KUBECONFIG", ExitCode.NO_ACCESS
        ) from None


@asynccontextmanager
async def opened(config: ClusterConfig) -> AsyncIterator[Client]:
    """A client with the limits of somebody who sits and waits."""
    settings = replace(ClientSettings(), connect_timeout_s=5.0, user_agent="cpctl")
    async with Client(config, settings) as client:
        yield client


@asynccontextmanager
async def connect(where: Place) -> AsyncIterator[Client]:
    """A client of the hub."""
    async with opened(config_of(where.kubeconfig, where.context)) as client:
        yield client
