"""The commands `install`, `tenant`, `repo` and `status`: what they are called with."""

from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.options import Context, Format, Kubeconfig, Namespace, Output, Tenant, Watch, looks_once, place

__all__ = ["install", "pairs", "repo", "status", "tenant", "waiting"]

install = typer.Typer(help="Install the hub.", no_args_is_help=True)
tenant = typer.Typer(help="Teams.", no_args_is_help=True)
repo = typer.Typer(help="Git sources.", no_args_is_help=True)


@install.callback()
def _install() -> None:
    # a group with one command would otherwise be that command
    pass


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """`key=value` texts as a mapping. Raises a usage error that names the option."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{text!r} is not of the form key=value", param_hint=option)
        found[key] = value
    return found


@install.command("hub")
def _install_hub(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the hub; may be given several times."),
    ] = None,
    platform_url: Annotated[
        str | None,
        typer.Option("--platform-url", metavar="URL", help="The platform's repository: its tenants/ becomes the root."),
    ] = None,
    platform_branch: Annotated[str, typer.Option("--platform-branch", metavar="NAME")] = "main",
    image: Annotated[
        str | None,
        typer.Option("--with-deployment", metavar="IMAGE", help="Run the controller there, from this image."),
    ] = None,
    hub_dir: Annotated[
        Path | None,
        typer.Option("--hub-dir", metavar="DIR", help="Write hub.kubeconfig for a controller that runs as a process."),
    ] = None,
) -> int:
    """Make a cluster the hub, or upgrade it: kinds, rights, settings. May be run again."""
    where, chosen = place(ctx, kubeconfig, context), pairs(settings or [], "--set")
    from controlplane.cli.connect import go
    from controlplane.cli.install import install_hub as carry_out

    async def step() -> None:
        lines = await carry_out(
            where,
            settings=chosen,
            image=image,
            platform_url=platform_url,
            platform_branch=platform_branch,
            hub_dir=hub_dir,
        )
        for line in lines:
            typer.echo(line)

    return go(step)


@tenant.callback()
def _tenant() -> None:
    pass


@tenant.command("list")
def _tenant_list(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Output = Format.table,
    watch: Watch = False,
) -> int:
    """All teams: which clusters they may use, and how they are."""
    where = place(ctx, kubeconfig, context)
    from controlplane.cli.connect import go
    from controlplane.cli.listings import TENANT_LIST as listing
    from controlplane.cli.show import show

    return go(lambda: show(where, (listing.query(),), listing.view, output, watch=watch))


@repo.callback()
def _repo() -> None:
    pass


@repo.command("list")
def _repo_list(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    output: Output = Format.table,
    watch: Watch = False,
) -> int:
    """Repositories: which commit is in force, whose it is, and what stands in the way of a newer one."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli.connect import go
    from controlplane.cli.listings import REPOSITORY_LIST as listing
    from controlplane.cli.show import show

    return go(lambda: show(where, (listing.query(where.namespace),), listing.view, output, watch=watch))


def status(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Output = Format.table,
    watch: Watch = False,
    check: Annotated[bool, typer.Option("--check", help="End with code 3 unless everything is Ready.")] = False,
) -> int:
    """Tenants by clusters: how many deliveries of each are Ready where."""
    where = place(ctx, kubeconfig, context)
    looks_once(watch, check)
    from controlplane.cli.connect import go
    from controlplane.cli.errors import ExitCode
    from controlplane.cli.matrix import QUERIES, is_ready, status_view
    from controlplane.cli.show import show

    async def step() -> ExitCode:
        shown = await show(where, QUERIES, status_view, output, watch=watch)
        return ExitCode.NOT_READY if check and shown is not None and not is_ready(shown) else ExitCode.OK

    return go(step)


def waiting(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    output: Output = Format.table,
    watch: Watch = False,
    check: Annotated[bool, typer.Option("--check", help="End with code 3 if anything does.")] = False,
) -> int:
    """What waits for a person, a line each: since when, why, and the command or change that ends it."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    looks_once(watch, check)
    from controlplane.cli.awaited import awaited_queries, awaited_view
    from controlplane.cli.connect import go
    from controlplane.cli.errors import ExitCode
    from controlplane.cli.show import show

    async def step() -> ExitCode:
        shown = await show(where, awaited_queries(where.namespace), awaited_view, output, watch=watch)
        return ExitCode.NOT_READY if check and shown is not None and shown.document else ExitCode.OK

    return go(step)
