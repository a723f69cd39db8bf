"""Which kinds an API server serves, and where. One answer is kept until somebody says that it is old.

Aggregated discovery gives everything in two requests, and a 304 while nothing has changed. Whoever watches CRDs calls
invalidate(); a kind that is not known is looked up again at most once in ten seconds, so that an Application waiting for
its CRD costs next to nothing.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from controlplane.kube.connection import Connection
from controlplane.kube.errors import KubeError, UnknownKind, Unreachable
from controlplane.kube.request import Request
from controlplane.kube.resource import Resource

__all__ = ["Discovery", "Resource", "UnknownKind"]

_ACCEPT = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)
_BELIEVED_S = 10.0  # how long "there is no such kind" is believed without asking again


class Discovery:
    """The kinds of one API server.

    clock: monotonic seconds.
    """

    def __init__(self, client: Connection, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._asked = float("-inf")  # when the last refresh began
        self._wanted = 1  # counts invalidations; the answers that are held belong to the count _held
        self._held = 0
        self._etags: dict[str, str] = {}
        self._answers: dict[str, list[tuple[Resource, ...]]] = {}  # path -> per group and version, best version first
        self._kinds: dict[tuple[str, str], tuple[Resource, ...]] = {}  # (group, kind) -> versions, best first

    def invalidate(self) -> None:
        """Ask again at the next use: a CRD or an aggregated API came, went or changed."""
        self._wanted += 1

    async def resource(self, group: str, kind: str, version: str | None = None) -> Resource:
        """Where a kind is served; version None = the one that the server prefers.

        Raises UnknownKind if it is not (then the answer is at most ten seconds old), or another KubeError.
        """
        began = self._clock()
        if self._held != self._wanted:
            await self._refresh(began)
        found = self._find(group, kind, version)
        if found is None and began - self._asked > _BELIEVED_S:
            await self._refresh(began)
            found = self._find(group, kind, version)
        if found is None:
            served = tuple(r.version for r in self._kinds.get((group, kind), ()))
            raise UnknownKind(group, kind, version, served)
        return found

    async def resources(self) -> tuple[Resource, ...]:
        """Every kind, each in the version that the server prefers."""
        if self._held != self._wanted:
            await self._refresh(self._clock())
        return tuple(versions[0] for versions in self._kinds.values())

    def _find(self, group: str, kind: str, version: str | None) -> Resource | None:
        versions = self._kinds.get((group, kind), ())
        return next((r for r in versions if version is None or r.version == version), None)

    async def _refresh(self, wanted_at: float) -> None:
        async with self._lock:  # those who waited take the answer that came meanwhile
            if self._held == self._wanted and wanted_at - self._asked <= _BELIEVED_S:
                return
            asked, wanted = self._clock(), self._wanted  # an invalidate() during the requests must not be lost
            for path in ("/api", "/apis"):
                await self._fetch(path)
            kinds: dict[tuple[str, str], list[Resource]] = {}
            for of_version in (v for answer in self._answers.values() for v in answer):
                for resource in of_version:
                    kinds.setdefault((resource.group, resource.kind), []).append(resource)
            self._kinds = {key: tuple(versions) for key, versions in kinds.items()}
            self._asked, self._held = asked, wanted

    async def _fetch(self, path: str) -> None:
        headers = {"If-None-Match": self._etags[path]} if path in self._etags else {}
        status, answered, payload = await self._client.exchange(Request("GET", path, accept=_ACCEPT), headers=headers)
        if status == 304:
            return
        try:
            answer = orjson.loads(payload)
        except orjson.JSONDecodeError:
            raise Unreachable(f"GET {path}: the answer is not JSON; a proxy's?") from None
        if answer.get("kind") != "APIGroupDiscoveryList":
            raise KubeError(status, "NoAggregatedDiscovery", "the API server is older than Kubernetes 1.27")
        self._answers[path] = list(_versions(answer.get("items") or ()))
        if etag := answered.get("ETag"):
            self._etags[path] = etag


def _versions(groups: Iterable[dict[str, Any]]) -> Iterable[tuple[Resource, ...]]:
    """The resources of each group's versions, in the order in which the server prefers the versions."""
    for group in groups:
        name = group["metadata"].get("name") or ""
        for version in group.get("versions") or ():
            yield tuple(
                Resource(
                    group=name,
                    version=version["version"],
                    kind=resource["responseKind"]["kind"],
                    plural=resource["resource"],
                    namespaced=resource.get("scope") == "Namespaced",
                    verbs=tuple(resource.get("verbs") or ()),
                    subresources=tuple(s["subresource"] for s in resource.get("subresources") or ()),
                )
                for resource in version.get("resources") or ()
                if (resource.get("responseKind") or {}).get("kind")  # a resource that only has subresources has none
            )
