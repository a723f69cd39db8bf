"""The commands `policy …`, and `tenant check`: what they are called with."""

from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.options import Context, Format, Kubeconfig, Output, place

__all__ = ["check_tenant", "policy"]

policy = typer.Typer(
    help="Who may do what, by the policies of a checkout: before they are pushed, or beside the hub's Tenants.",
    no_args_is_help=True,
)

_Checkout = Annotated[
    Path,
    typer.Option(
        "--checkout", metavar="DIR", exists=True, file_okay=False, resolve_path=True, show_default=False,
        help="The platform's repository on disk, with policies/ and tenants/. Default: here.",
    ),
]  # fmt: skip
_Where = Annotated[
    Path,
    typer.Argument(
        metavar="[DIR]", exists=True, file_okay=False, resolve_path=True, show_default=False,
        help="The platform's repository on disk, or the folder of its policies. Default: here.",
    ),
]  # fmt: skip
_Folder = Annotated[str, typer.Option("--path", metavar="FOLDER", help="The folder of the policies in it.")]
_Hub = Annotated[
    bool,
    typer.Option(
        "--hub", help="With the Tenants and Clusters of the hub, not those of the checkout; so too with --kubeconfig."
    ),
]
_Clusters = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster", metavar="NAME[,KEY=VALUE]…", show_default=False,
        help="A cluster and its labels, where no hub is asked; may be given several times.",
    ),
]  # fmt: skip
_Who = Annotated[
    str,
    typer.Argument(
        metavar="WHO", show_default=False,
        help="delivery; or a person: user:NAME and group:NAME, separated by commas.",
    ),
]  # fmt: skip
_Team = Annotated[str, typer.Argument(metavar="TENANT", help="A tenant's name, or platform.", show_default=False)]
_Action = Annotated[
    str, typer.Argument(metavar="ACTION", help="Such as get, delete, sync; of a delivery: deploy.", show_default=False)
]
_Resource = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="Such as applications; of a delivery: kinds.", show_default=False)
]
_HERE = Path(".")


@policy.command("check")
def _check(where: _Where = _HERE, folder: _Folder = "policies", output: Output = Format.table) -> int:
    """Whether the policies load. Each error with file and line; roles that mean nothing are named."""
    from controlplane.cli.connect import go
    from controlplane.cli.policies import Asked, check

    asked = Asked.at(where, folder)

    async def step() -> int:
        return check(asked, output)

    return go(step)


@policy.command("test")
def _test(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    given: _Where = _HERE,
    folder: _Folder = "policies",
    hub: _Hub = False,
    clusters: _Clusters = None,
    output: Output = Format.table,
) -> int:
    """Run the tests beside the policies. A commit whose tests fail is not activated."""
    where = place(ctx, kubeconfig, context)
    from controlplane.cli.connect import go
    from controlplane.cli.policies import Asked
    from controlplane.cli.policies import test as carry_out

    asked = Asked.at(given, folder, where if hub or where.kubeconfig else None, tuple(clusters or ()))
    return go(lambda: carry_out(asked, output))


@policy.command("why")
def _why(
    ctx: typer.Context,
    who: _Who,
    tenant: _Team,
    action: _Action,
    resource: _Resource,
    object_: Annotated[
        str,
        typer.Argument(metavar="OBJECT", help="A name; of a delivery such as apps/Deployment.", show_default=False),
    ],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    checkout: _Checkout = _HERE,
    folder: _Folder = "policies",
    hub: _Hub = False,
    clusters: _Clusters = None,
    output: Output = Format.table,
) -> int:
    """Whether somebody may do something, by which rule, and the nearest change that would allow it. Code 1 = no."""
    where = place(ctx, kubeconfig, context)
    from controlplane.cli.connect import go
    from controlplane.cli.policies import Asked, why

    asked = Asked(checkout, folder, where if hub or where.kubeconfig else None, tuple(clusters or ()))
    return go(lambda: why(asked, who, tenant, action, resource, object_, output))


@policy.command("who-can")
def _who_can(
    ctx: typer.Context,
    tenant: _Team,
    action: _Action,
    resource: _Resource,
    object_: Annotated[
        str, typer.Argument(metavar="[OBJECT]", help="A name; any by default.", show_default=False)
    ] = "*",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    checkout: _Checkout = _HERE,
    folder: _Folder = "policies",
    hub: _Hub = False,
    output: Output = Format.table,
) -> int:
    """Which users and groups that rules name may do something, each by itself, and by which rule."""
    where = place(ctx, kubeconfig, context)
    from controlplane.cli.connect import go
    from controlplane.cli.policies import Asked, who_can

    asked = Asked(checkout, folder, where if hub or where.kubeconfig else None)
    return go(lambda: who_can(asked, tenant, action, resource, object_, output))


def check_tenant(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="A tenant's name, or platform.")],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    checkout: _Checkout = _HERE,
    folder: _Folder = "policies",
    hub: _Hub = False,
    clusters: _Clusters = None,
    output: Output = Format.table,
) -> int:
    """What a team can do on each cluster: sources, namespaces, kinds, hosts and limits, and the rule behind each."""
    where = place(ctx, kubeconfig, context)
    from controlplane.cli.connect import go
    from controlplane.cli.policies import Asked, tenant_report

    asked = Asked(checkout, folder, where if hub or where.kubeconfig else None, tuple(clusters or ()))
    return go(lambda: tenant_report(asked, name, output))
