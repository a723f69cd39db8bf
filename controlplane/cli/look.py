"""`cpctl app get` and `app tree`: find the Application, then show it, once or as it changes."""

from collections.abc import Callable

from controlplane.api.keys import NamespacedName
from controlplane.cli.collect import Snapshot
from controlplane.cli.connect import connect
from controlplane.cli.detail import detail_queries, detail_view
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.find import application
from controlplane.cli.options import Format, Place
from controlplane.cli.show import show
from controlplane.cli.tree import tree_queries, tree_view
from controlplane.cli.view import View, condition

__all__ = ["look_at", "look_under"]


async def _key(where: Place, name: str) -> NamespacedName:
    async with connect(where) as client:
        meta = (await application(client, name, where.namespace))["metadata"]
        return NamespacedName(meta["namespace"], meta["name"])


def _there(view: Callable[[Snapshot], View | None], key: NamespacedName) -> Callable[[Snapshot], View]:
    def found(picture: Snapshot) -> View:
        seen = view(picture)
        if seen is None:
            raise CliError(f"Application {key} is gone")
        return seen

    return found


async def look_at(where: Place, name: str, output: Format, *, watch: bool, check: bool) -> ExitCode:
    """Show one Application. check: NOT_READY unless it is Ready."""
    key = await _key(where, name)
    view = _there(lambda picture: detail_view(picture, key.namespace, key.name), key)
    shown = await show(where, detail_queries(key.namespace, key.name), view, output, watch=watch)
    if check and shown is not None and condition(shown.document, "Ready").get("status") != "True":
        return ExitCode.NOT_READY
    return ExitCode.OK


async def look_under(where: Place, name: str, output: Format, *, watch: bool) -> None:
    """Show the tree under one Application."""
    key = await _key(where, name)
    view = _there(lambda picture: tree_view(picture, key), key)
    await show(where, tree_queries(key.namespace), view, output, watch=watch)
