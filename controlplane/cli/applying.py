"""Writing a bundle of manifests to a cluster, in order, the whole of it judged by the API server first."""

import asyncio
from collections.abc import Iterable, Sequence

from controlplane.api.keys import key_of
from controlplane.cli.errors import CliError
from controlplane.cli.until import until
from controlplane.kube.client import Client
from controlplane.kube.discovery import Discovery
from controlplane.kube.errors import Conflict, KubeError, NotFound, UnknownKind
from controlplane.kube.request import Body
from controlplane.kube.resource import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, Resource

__all__ = ["MANAGER", "Applier"]

MANAGER = "cpctl"
_TERMINATED_S = 60.0  # for a namespace that is being deleted to be gone
_ESTABLISHED_S = 60.0  # for a CRD to be served


class Applier:
    """Applies objects as cpctl's own (server-side apply, with force: what it installs is its own to say)."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._discovery = Discovery(client)

    async def resource(self, body: Body) -> Resource:
        """Where an object's kind is served, in the version that it names."""
        group, _, version = body["apiVersion"].rpartition("/")
        return await self._discovery.resource(group, body["kind"], version)

    async def check(self, bodies: Sequence[Body]) -> None:
        """Have the server judge every object without writing any. Raises CliError that names the first it refuses.

        What stands in a namespace that is itself still to come cannot be asked about, and is left to the real apply.
        """
        for body in bodies:
            try:
                await self._apply(body, dry_run=True)
            except NotFound as err:
                if not err.namespace_missing or isinstance(err, UnknownKind):
                    raise _refused(body, err) from err
            except KubeError as err:
                raise _refused(body, err) from err

    async def apply(self, bodies: Iterable[Body]) -> list[Body]:
        """Write the objects one after the other; gives them as they are now. Raises CliError that names the refused one."""
        written = []
        for body in bodies:
            try:
                written.append(await self._apply(body))
            except KubeError as err:
                raise _refused(body, err) from err
        return written

    async def apply_crds(self, bodies: Sequence[Body]) -> None:
        """Write CRDs, and wait until they are served. Raises CliError."""
        await self.apply(bodies)
        async with asyncio.TaskGroup() as group:
            for body in bodies:
                group.create_task(self._established(body["metadata"]["name"]))
        self._discovery.invalidate()

    async def settle(self, bodies: Iterable[Body]) -> None:
        """Wait until none of the bundle's namespaces is on its way out, as after a removal. Raises CliError after a minute."""
        for body in bodies:
            if body["kind"] == "Namespace":
                await self._settled(body["metadata"]["name"])

    async def create_if_absent(self, body: Body) -> bool:
        """Write an object only where there is none of that name; says whether it did."""
        resource = await self.resource(body)
        try:
            await self.client.create(resource, body, field_manager=MANAGER)
        except Conflict as err:
            if not err.already_exists:
                raise
            return False
        return True

    async def delete(self, bodies: Iterable[Body]) -> None:
        """Delete the objects in turn; those that are not there are no error."""
        for body in bodies:
            meta = body["metadata"]
            try:
                resource = await self.resource(body)
                await self.client.delete(resource, meta["name"], meta.get("namespace") or "")
            except (NotFound, UnknownKind):
                continue

    async def _apply(self, body: Body, *, dry_run: bool = False) -> Body:
        resource = await self.resource(body)
        return await self.client.apply(resource, body, field_manager=MANAGER, force=True, dry_run=dry_run)

    async def _settled(self, name: str) -> None:
        def done(body: Body | None) -> bool:
            return body is None or not body["metadata"].get("deletionTimestamp")

        try:
            await until(self.client, NAMESPACES, name, done=done, timeout_s=_TERMINATED_S)
        except TimeoutError:
            raise CliError(
                f"namespace {name} does not go away: kubectl get namespace {name} -o yaml tells why"
            ) from None

    async def _established(self, name: str) -> None:
        def done(body: Body | None) -> bool:
            conditions = ((body or {}).get("status") or {}).get("conditions") or ()
            return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

        try:
            await until(self.client, CUSTOM_RESOURCE_DEFINITIONS, name, done=done, timeout_s=_ESTABLISHED_S)
        except TimeoutError:
            raise CliError(
                f"the API server does not serve {name} after {_ESTABLISHED_S:g} s: kubectl describe crd {name}"
            ) from None


def _refused(body: Body, err: KubeError) -> CliError:
    return CliError(f"{key_of(body)} is refused: {err.message}")
