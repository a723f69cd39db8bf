"""The commands `app …`: what they are called with."""

from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.options import (
    Context,
    Format,
    Kubeconfig,
    Lasting,
    Namespace,
    Output,
    Reason,
    Tenant,
    Timeout,
    Until,
    Wait,
    Watch,
    looks_once,
    place,
)  # fmt: skip

__all__ = ["app"]

app = typer.Typer(help="Applications.", no_args_is_help=True)

_Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Its name, or namespace/name as tables show it.", show_default=False)
]


def _say(line: Awaitable[str]) -> int:
    from controlplane.cli.connect import go

    async def step() -> None:
        typer.echo(await line)

    return go(step)


@app.command("list")
def _list(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    output: Output = Format.table,
    watch: Watch = False,
) -> int:
    """Applications: whether they are Ready, at which commit, on how many clusters."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli.connect import go
    from controlplane.cli.listings import APPLICATION_LIST as listing
    from controlplane.cli.show import show

    return go(lambda: show(where, (listing.query(where.namespace),), listing.view, output, watch=watch))


@app.command("get")
def _get(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    output: Output = Format.table,
    watch: Watch = False,
    check: Annotated[bool, typer.Option("--check", help="End with code 3 unless it is Ready.")] = False,
) -> int:
    """One Application: its commit, its clusters, what is wrong with it, and what it waits for."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    looks_once(watch, check)
    from controlplane.cli.connect import go
    from controlplane.cli.look import look_at

    return go(lambda: look_at(where, name, output, watch=watch, check=check))


@app.command("tree")
def _tree(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    output: Output = Format.table,
    watch: Watch = False,
) -> int:
    """A root and all that it made, down to each cluster."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli.connect import go
    from controlplane.cli.look import look_under

    return go(lambda: look_under(where, name, output, watch=watch))


@app.command("trace")
def _trace(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
) -> int:
    """The ids of its traces: of the commit that is delivered, and of the one that was tried last. Traces have to be on."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli.traces import traces

    return _say(traces(where, name))


@app.command("sync")
def _sync(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    objects: Annotated[
        list[str] | None,
        typer.Option(
            "--object",
            metavar="KIND/NAME",
            help="Apply only this object again, as it was delivered; also Kind.group/namespace/name. Up to 10.",
            show_default=False,
        ),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 300.0,
) -> int:
    """Look at Git and at every object now."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    if len(objects or ()) > 10:
        raise typer.BadParameter("at most 10; without it all are meant", param_hint="--object")
    from controlplane.cli import intent

    return _say(intent.sync(where, name, objects=objects or (), wait_s=timeout if wait else None))


@app.command("approve")
def _approve(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", help="Only the change that was looked at. Default: what is held now.", show_default=False
        ),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 300.0,
) -> int:
    """Let a change go ahead that is held because it would remove much, or the next step of a rollout."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli import intent

    return _say(intent.approve(where, name, token=token, wait_s=timeout if wait else None))


@app.command("suspend")
def _suspend(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    reason: Reason = "",
    lasting: Lasting = None,
    until: Until = None,
) -> int:
    """Hold it as it is: nothing is applied, healed or pruned until it is resumed."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli import intent
    from controlplane.cli.ending import ending

    async def step() -> str:
        return await intent.suspend(where, name, reason=reason, until=ending(lasting, until))

    return _say(step())


@app.command("resume")
def _resume(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    wait: Wait = False,
    timeout: Timeout = 300.0,
) -> int:
    """Go on with a suspended Application."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli import intent

    return _say(intent.resume(where, name, wait_s=timeout if wait else None))


@app.command("history")
def _history(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    output: Output = Format.table,
) -> int:
    """What was delivered of it, newest first: which commit, who asked, how long it took, what became of it."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli.connect import go
    from controlplane.cli.history import show_history

    return go(lambda: show_history(where, name, output))


@app.command("rollback")
def _rollback(
    ctx: typer.Context,
    name: _Name,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="REVISION",
            help="One of its history, as it is shown there, or the beginning of the commit's id.",
            show_default=False,
        ),
    ],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    reason: Reason = "",
    lasting: Lasting = None,
    until: Until = None,
    wait: Wait = False,
    timeout: Timeout = 300.0,
) -> int:
    """Go back to a revision, and stay there until it is unpinned. Git is not needed for it."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli import intent
    from controlplane.cli.ending import ending

    async def step() -> str:
        end = ending(lasting, until)
        return await intent.rollback(
            where, name, to=to, reason=reason, until=end, wait_s=timeout if wait else None
        )  # fmt: skip

    return _say(step())


@app.command("unpin")
def _unpin(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    wait: Wait = False,
    timeout: Timeout = 300.0,
) -> int:
    """Go on with what Git says, after a rollback."""
    where = place(ctx, kubeconfig, context, namespace, tenant)
    from controlplane.cli import intent

    return _say(intent.unpin(where, name, wait_s=timeout if wait else None))


@app.command("render")
def _render(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="PATH|NAME", help="A folder on disk; or an Application, with --checkout.", show_default=False
        ),
    ],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    checkout: Annotated[
        Path | None,
        typer.Option(
            "--checkout",
            exists=True,
            file_okay=False,
            resolve_path=True,
            metavar="DIR",
            help="The Application's repository on disk. A PATH lies in its own.",
            show_default=False,
        ),
    ] = None,
    renderer: Annotated[
        str | None, typer.Option("--renderer", help="auto, plain or kustomize.", show_default=False)
    ] = None,
    target_namespace: Annotated[
        str | None,
        typer.Option("--target-namespace", metavar="NAME", help="For objects that name none.", show_default=False),
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="KEY=VALUE", help="A variable, as an override sets it.", show_default=False),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", metavar="NAME", help="As on this cluster: its overrides, and what the tenant may there."
        ),
    ] = None,
    tenant_file: Annotated[
        Path | None,
        typer.Option(
            "--tenant-file",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A Tenant: pass the result through the gate, too.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="yaml or json; table: the keys alone.")
    ] = Format.yaml,
) -> int:
    """Print what would be delivered, without a cluster: the same renderer and gate as the hub's, from files on disk."""
    where, chosen = place(ctx, kubeconfig, context, namespace, tenant), dict[str, str]()
    from controlplane.cli.commands_hub import pairs

    chosen = pairs(variables or [], "--var")
    from controlplane.cli.connect import go
    from controlplane.cli.offline import Rendering, print_rendered

    rendering = Rendering(
        what, checkout=checkout, renderer=renderer, namespace=target_namespace, variables=chosen, cluster=cluster,
        tenant_file=tenant_file,
    )  # fmt: skip
    return go(lambda: print_rendered(where, rendering, output))
