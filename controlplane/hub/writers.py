"""Whose a Git address is: the tenants that deploy from it themselves, and so most likely write there.

A root of the platform's over such an address is fed by a tenant: see expand.py for what it must not decide.
"""

from functools import lru_cache

from controlplane.api.keys import TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.names import tenant_of_namespace
from controlplane.hub.world import World
from controlplane.policy.match import UrlError, normal_url
from controlplane.source.errors import UrlDenied
from controlplane.source.url import parse_url

__all__ = ["writers_of"]


def writers_of(url: str, world: World) -> tuple[TenantName, ...]:
    """The tenants that have a Repository of this address, sorted. url: in any spelling."""
    wanted = _normal(url)
    tenants = {
        tenant
        for repository in world.repositories
        if (tenant := tenant_of_namespace(repository.metadata.namespace)) not in (None, PLATFORM)
        and _normal(repository.spec.url) == wanted
    }
    return tuple(sorted(tenant for tenant in tenants if tenant is not None))


@lru_cache(maxsize=4096)
def _normal(url: str) -> str:
    try:
        return normal_url(str(parse_url(url)))
    except (UrlDenied, UrlError):
        return ""  # nobody reads it, so it feeds nothing
