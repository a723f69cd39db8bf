"""The verbs of an API server as methods: the hot path of hub and agent. Objects are dicts, kinds are Resources.

A call is one request and holds no state; see connection.py for limits, credentials and errors.
"""

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass

import orjson

from controlplane.api.keys import NamespacedName
from controlplane.kube import request as build
from controlplane.kube.connection import Connection
from controlplane.kube.request import Body, FieldValidation, PatchKind, Propagation, Request
from controlplane.kube.resource import Resource

__all__ = ["Client", "Listing"]

_Bodies = list[Body]  # inside the class, `list` is the method


@dataclass(frozen=True, slots=True)
class Listing:
    """A collection as of one resource version. Each item has its apiVersion and kind."""

    items: list[Body]
    resource_version: str


class Client(Connection):
    """One API server as one identity; see Connection for how it is made, and what every method takes and raises."""

    async def get(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        subresource: str = "",
        metadata_only: bool = False,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> Body:
        """One object."""
        made = build.get_request(resource, name, namespace, subresource=subresource, metadata_only=metadata_only)
        return await self.send(made, impersonate=impersonate, timeout_s=timeout_s)

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        metadata_only: bool = False,
        page_size: int = 0,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> Listing:
        """A collection: in one request, or in pages of page_size. Raises Gone if a page comes too late."""
        items: _Bodies = []
        token = ""
        while True:
            made = build.list_request(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                resource_version=resource_version,
                limit=page_size,
                continue_token=token,
                metadata_only=metadata_only,
            )
            page = await self.send(made, impersonate=impersonate, timeout_s=timeout_s)
            items += page.get("items") or ()
            token = page["metadata"].get("continue") or ""
            if not token:
                break
        api_version, kind = resource.api_version, resource.kind
        # items of built-in kinds come without both; those of metadata-only lists as PartialObjectMetadata
        for item in items:
            item["apiVersion"], item["kind"] = api_version, kind
        return Listing(items, page["metadata"].get("resourceVersion") or "")

    async def apply(
        self,
        resource: Resource,
        body: Body | bytes,
        *,
        field_manager: str,
        force: bool = False,
        uid: str = "",
        dry_run: bool = False,
        validation: FieldValidation | None = None,
        subresource: str = "",
        namespace: str = "",
        name: str = "",
        metadata_only: bool = False,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
        warnings: MutableSequence[str] | None = None,
    ) -> Body:
        """Server-side apply; see request.apply_request for the parameters. Gives the object as it is now.

        With uid: an object of another uid, or none, raises Conflict with uid_mismatch (and absent).
        warnings: the server's warnings are appended.
        """
        made = build.apply_request(
            resource,
            body,
            field_manager=field_manager,
            force=force,
            uid=uid,
            dry_run=dry_run,
            validation=validation,
            subresource=subresource,
            namespace=namespace,
            name=name,
            metadata_only=metadata_only,
        )
        return await self.send(made, impersonate=impersonate, timeout_s=timeout_s, warnings=warnings)

    async def create(
        self,
        resource: Resource,
        body: Body,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> Body:
        """Create an object (Conflict with already_exists if it is there), or POST to a subresource of the named one."""
        made = build.create_request(
            resource, body, namespace, name=name, subresource=subresource, field_manager=field_manager, dry_run=dry_run
        )
        return await self.send(made, impersonate=impersonate, timeout_s=timeout_s)

    async def replace(
        self,
        resource: Resource,
        body: Body,
        *,
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> Body:
        """Write a whole object (PUT). Conflict if its resourceVersion is not the current one."""
        made = build.replace_request(
            resource, body, subresource=subresource, field_manager=field_manager, dry_run=dry_run
        )
        return await self.send(made, impersonate=impersonate, timeout_s=timeout_s)

    async def update_status(
        self, resource: Resource, body: Body, *, field_manager: str = "", timeout_s: float | None = None
    ) -> Body:
        """Write an object's whole status; Conflict if body's resourceVersion, where it stands, is not the current one."""
        return await self.replace(
            resource, body, subresource="status", field_manager=field_manager, timeout_s=timeout_s
        )

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Body | Sequence[Body],
        namespace: str = "",
        *,
        kind: PatchKind = "merge",
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
        metadata_only: bool = False,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> Body:
        """Change parts of an object: a merge patch by default. Gives the object as it is now."""
        made = build.patch_request(
            resource,
            name,
            patch,
            namespace,
            kind=kind,
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
            metadata_only=metadata_only,
        )
        return await self.send(made, impersonate=impersonate, timeout_s=timeout_s)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: Propagation = "Background",
        grace_period_s: int | None = None,
        dry_run: bool = False,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> Body:
        """Delete one object: gives it, or a Status. Conflict with uid_mismatch if it is another one; NotFound if it is gone."""
        made = build.delete_request(
            resource,
            name,
            namespace,
            uid=uid,
            resource_version=resource_version,
            propagation=propagation,
            grace_period_s=grace_period_s,
            dry_run=dry_run,
        )
        return await self.send(made, impersonate=impersonate, timeout_s=timeout_s)

    async def version(self, *, timeout_s: float | None = None) -> Body:
        """The server's version: {"major": "1", "minor": "37", "gitVersion": ...}. Asks for no right of its own."""
        return await self.request("GET", "/version", timeout_s=timeout_s)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: Body | None = None,
        accept: str = "application/json",
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> Body:
        """Anything else: a path with JSON both ways."""
        payload = None if body is None else orjson.dumps(body)
        made = Request(method, path, query, payload, "application/json" if payload else "", accept)
        return await self.send(made, impersonate=impersonate, timeout_s=timeout_s)
