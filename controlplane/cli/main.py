"""The tree of commands, and how cpctl ends: with an exit code, and with one line where something went wrong."""

import sys
from typing import Annotated

import typer

from controlplane import __version__
from controlplane.cli import commands_app, commands_cluster, commands_hub, commands_policy
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.options import Context, Kubeconfig, Namespace, Place, Tenant, scope

__all__ = ["build", "run"]

_EPILOGUE = (
    "Exit codes: 0 done; 1 not found, refused or failed; 2 wrong usage; 3 not Ready (in time); "
    "4 the API server was not reached or does not allow it."
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cpctl {__version__}")
        raise typer.Exit


def _before(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """See and steer what runs where: many teams, many clusters, one hub."""
    ctx.obj = Place(kubeconfig, context, scope(namespace, tenant))


def build() -> typer.Typer:
    """The whole tree of commands."""
    root = typer.Typer(
        name="cpctl",
        no_args_is_help=True,
        add_completion=False,
        epilog=_EPILOGUE,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_before,
    )
    root.add_typer(commands_hub.install, name="install")
    root.add_typer(commands_cluster.cluster, name="cluster")
    root.add_typer(commands_hub.tenant, name="tenant")
    commands_hub.tenant.command("check")(commands_policy.check_tenant)
    root.add_typer(commands_hub.repo, name="repo")
    root.add_typer(commands_policy.policy, name="policy")
    root.add_typer(commands_app.app, name="app")
    root.command("status")(commands_hub.status)
    root.command("waiting")(commands_hub.waiting)
    return root


def run(argv: list[str] | None = None) -> None:
    """Run one command and end the process. argv: without the program's name; None = the process's."""
    sys.exit(_run(argv))


def _run(argv: list[str] | None) -> int:
    try:
        return int(typer.main.get_command(build()).main(argv, prog_name="cpctl", standalone_mode=False) or 0)
    except CliError as err:
        return _end(str(err), err.code)
    except typer.TyperException as err:
        return _misused(err)
    except typer.Abort:
        return _end("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return ExitCode.OK


def _misused(err: typer.TyperException) -> int:
    ctx = getattr(err, "ctx", None)
    message = err.format_message()
    if type(err).__name__ == "NoArgsIsHelpError":  # the message is the help
        typer.echo(message, err=True)
        return ExitCode.USAGE
    command = ctx.command_path if ctx is not None else "cpctl"
    return _end(f"{message.rstrip('.')}; see: {command} --help", ExitCode.USAGE)


def _end(message: str, code: ExitCode) -> int:
    if code != ExitCode.INTERRUPTED:  # whoever pressed Ctrl-C knows
        typer.echo(f"cpctl: {' '.join(message.split())}", err=True)
    return code
