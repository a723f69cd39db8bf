"""The options that many commands have, said once. Each may also stand before the command: `cpctl -n tenant-a app list`."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controlplane.api.labels import HUB_NAMESPACE, PLATFORM

__all__ = [
    "Context", "Format", "Kubeconfig", "Lasting", "Namespace", "Output", "Place", "Reason", "Tenant", "Timeout", "Until",
    "Wait", "Watch", "looks_once", "place", "scope",
]  # fmt: skip


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"
    yaml = "yaml"


Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The hub's kubeconfig. Default: CONTROLPLANE_KUBECONFIG, KUBECONFIG, ~/.kube/config.",
        show_default=False,
    ),
]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="A context of the kubeconfig.", show_default=False)
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", metavar="NAME", help="A namespace of the hub.", show_default=False)
]
Tenant = Annotated[
    str | None,
    typer.Option(
        "--tenant",
        "-t",
        metavar="NAME",
        help=f"A tenant, in place of its namespace; '{PLATFORM}' is the platform itself.",
        show_default=False,
    ),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print it.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on, and show each change as it happens.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the others.", show_default=False)]
Lasting = Annotated[
    str | None,
    typer.Option("--for", metavar="DURATION", help="It ends by itself after that: 2h, 1h30m.", show_default=False),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="It ends by itself then: 2026-01-31T18:00.", show_default=False),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the Application is Ready with it.")]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait before ending with code 3.")
]


@dataclass(frozen=True, slots=True)
class Place:
    """Which API server, as whom; and which namespace of it, "" = all."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str = ""


def looks_once(watch: bool, check: bool) -> None:
    """Refuse --watch beside --check, whose answer is the exit code."""
    if watch and check:
        raise typer.BadParameter("it looks once: leave out --watch", param_hint="--check")


def scope(namespace: str | None, tenant: str | None) -> str:
    """The namespace that --namespace or --tenant name; "" = none named."""
    if namespace is not None and tenant is not None:
        raise typer.BadParameter("give either a namespace or a tenant", param_hint="--tenant")
    if tenant is not None:
        return HUB_NAMESPACE if tenant == PLATFORM else f"tenant-{tenant}"
    return namespace or ""


def place(
    ctx: typer.Context,
    kubeconfig: Path | None = None,
    context: str | None = None,
    namespace: str | None = None,
    tenant: str | None = None,
) -> Place:
    """What was said after the command, else what was said before it."""
    before = ctx.find_root().obj
    before = before if isinstance(before, Place) else Place()
    return Place(
        kubeconfig if kubeconfig is not None else before.kubeconfig,
        context if context is not None else before.context,
        scope(namespace, tenant) or before.namespace,
    )
