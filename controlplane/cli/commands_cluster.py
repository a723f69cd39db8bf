"""The commands `cluster …`: what they are called with."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.commands_hub import pairs
from controlplane.cli.options import Context, Format, Kubeconfig, Output, Place, Timeout, Watch, place

__all__ = ["Provides", "cluster"]

cluster = typer.Typer(help="Member clusters.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The cluster's name on the hub.", show_default=False)]
_MemberKubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The member's kubeconfig, with all rights.",
        show_default=False,
    ),
]
_MemberContext = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="A context of the member's kubeconfig.", show_default=False),
]
_HubKubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--hub-kubeconfig",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The hub's kubeconfig. Default: CONTROLPLANE_KUBECONFIG, KUBECONFIG, ~/.kube/config.",
        show_default=False,
    ),
]
_HubContext = Annotated[
    str | None,
    typer.Option("--hub-context", metavar="NAME", help="A context of the hub's kubeconfig.", show_default=False),
]
_HubServer = Annotated[
    str | None,
    typer.Option(
        "--hub-server",
        metavar="URL",
        help="The hub's API server as seen from the member. Default: as in the hub's kubeconfig.",
        show_default=False,
    ),
]
_Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="What Tenants and placements select it by.", show_default=False),
]
_AgentDir = Annotated[
    Path | None,
    typer.Option(
        "--agent-dir", metavar="DIR", help="Write what an agent needs that runs as a process.", show_default=False
    ),
]
_Image = Annotated[
    str | None,
    typer.Option("--image", metavar="IMAGE", help="Run the agent there, from this image.", show_default=False),
]


class Provides(StrEnum):
    """What gives addresses on a cluster."""

    LOAD_BALANCER = "LoadBalancer"
    INGRESS = "Ingress"


_Provides = Annotated[
    list[Provides] | None,
    typer.Option(
        "--provides",
        help="What gives addresses there; health waits for the addresses of it. Repeatable. Default: as it is there.",
        show_default=False,
    ),
]
_Print = Annotated[
    bool,
    typer.Option(
        "--print", help="Print the member's manifests, the ticket to join among them, and write nothing there."
    ),
]


_Hardened = Annotated[
    bool | None,
    typer.Option(
        "--hardened/--no-hardened",
        help="Let the agent list and watch only in tenants' namespaces. Default: as it is there; for a new cluster, no.",
        show_default=False,
    ),
]


def _member(kubeconfig: Path | None, context: str | None, *, print_only: bool) -> Place | None:
    """The member has to be named: the default kubeconfig is the hub's."""
    if kubeconfig is None and context is None:
        if print_only:
            return None
        raise typer.BadParameter("name the cluster that joins (or --context, or --print)", param_hint="--kubeconfig")
    return Place(kubeconfig, context)


def _join(
    ctx: typer.Context,
    name: str,
    kubeconfig: Path | None,
    context: str | None,
    hub_kubeconfig: Path | None,
    hub_context: str | None,
    hub_server: str | None,
    platform_role: str | None,
    hardened: bool | None,
    labels: list[str] | None,
    agent_dir: Path | None,
    image: str | None,
    print_only: bool,
    provides: list[Provides] | None,
    again: bool,
) -> int:
    if sum(each is not None for each in (agent_dir, image)) + (print_only and agent_dir is not None) > 1:
        raise typer.BadParameter("an agent runs in one place: give --agent-dir alone", param_hint="--agent-dir")
    hub, member = place(ctx, hub_kubeconfig, hub_context), _member(kubeconfig, context, print_only=print_only)
    chosen = pairs(labels or [], "--label")
    from controlplane.cli.connect import go
    from controlplane.cli.join import Agent, Joining, join

    given = tuple(dict.fromkeys(each.value for each in provides)) if provides else None
    agent = Agent(image=image, folder=agent_dir, print_only=print_only, hub_server=hub_server)
    joining = Joining(name, hub, member, chosen, platform_role, hardened, agent, given, again)

    async def step() -> None:
        lines, manifests = await join(joining)
        for line in lines:
            typer.echo(line, err=bool(manifests))  # so that the manifests can be piped into kubectl
        if manifests:
            typer.echo(manifests, nl=False)

    return go(step)


@cluster.command("add")
def _add(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: _MemberKubeconfig = None,
    context: _MemberContext = None,
    hub_kubeconfig: _HubKubeconfig = None,
    hub_context: _HubContext = None,
    hub_server: _HubServer = None,
    platform_role: Annotated[
        str,
        typer.Option(
            "--platform-role",
            metavar="ROLE",
            help="What the platform itself may do there: none, a ClusterRole of the cluster, or cluster-admin.",
        ),
    ] = "none",
    hardened: _Hardened = None,
    label: _Labels = None,
    agent_dir: _AgentDir = None,
    image: _Image = None,
    print_only: _Print = False,
    provides: _Provides = None,
) -> int:
    """Join a cluster: register it on the hub, and install there what its agent needs."""
    return _join(
        ctx, name, kubeconfig, context, hub_kubeconfig, hub_context, hub_server, platform_role, hardened, label, agent_dir,
        image, print_only, provides, again=False,
    )  # fmt: skip


@cluster.command("rejoin")
def _rejoin(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: _MemberKubeconfig = None,
    context: _MemberContext = None,
    hub_kubeconfig: _HubKubeconfig = None,
    hub_context: _HubContext = None,
    hub_server: _HubServer = None,
    platform_role: Annotated[
        str | None,
        typer.Option("--platform-role", metavar="ROLE", help="Default: as it is there.", show_default=False),
    ] = None,
    hardened: _Hardened = None,
    label: _Labels = None,
    agent_dir: _AgentDir = None,
    image: _Image = None,
    print_only: _Print = False,
    provides: _Provides = None,
) -> int:
    """Give an agent new credentials (the old ones end), or move it to this hub. What runs there stays."""
    return _join(
        ctx, name, kubeconfig, context, hub_kubeconfig, hub_context, hub_server, platform_role, hardened, label, agent_dir,
        image, print_only, provides, again=True,
    )  # fmt: skip


@cluster.command("list")
def _list(
    ctx: typer.Context,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Output = Format.table,
    watch: Watch = False,
) -> int:
    """Clusters: whether the agent is there, and what it holds."""
    where = place(ctx, kubeconfig, context)
    from controlplane.cli.connect import go
    from controlplane.cli.listings import CLUSTER_LIST as listing
    from controlplane.cli.show import show

    return go(lambda: show(where, (listing.query(),), listing.view, output, watch=watch))


@cluster.command("remove")
def _remove(
    ctx: typer.Context,
    name: _Name,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--kubeconfig",
            "--hub-kubeconfig",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The hub's kubeconfig.",
            show_default=False,
        ),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option("--context", "--hub-context", metavar="NAME", help="A context of it.", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="The cluster is gone for good: do not wait for its agent to prune.")
    ] = False,
    member_kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--member-kubeconfig",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Then also remove the agent and its rights from the member.",
            show_default=False,
        ),
    ] = None,
    timeout: Timeout = 300.0,
) -> int:
    """Let a cluster go: what was delivered there is pruned first."""
    where = place(ctx, kubeconfig, context)
    if force and member_kubeconfig is not None:
        raise typer.BadParameter("a cluster that is still there is removed without it", param_hint="--force")
    from controlplane.cli.connect import go
    from controlplane.cli.leave import remove_cluster

    async def step() -> None:
        member = Place(member_kubeconfig) if member_kubeconfig is not None else None
        for line in await remove_cluster(where, name, force=force, member=member, timeout_s=timeout):
            typer.echo(line)

    return go(step)
