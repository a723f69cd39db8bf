"""Which kind is meant, and the address under which an API server serves it. Pure values: no request is made here."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from controlplane.api.keys import GROUP, VERSION

__all__ = [
    "APPLICATIONS", "CLUSTERS", "CONFIGMAPS", "CUSTOM_RESOURCE_DEFINITIONS", "EVENTS", "HISTORIES", "LEASES", "NAMESPACES",
    "REPOSITORIES", "SECRETS", "SERVICE_ACCOUNTS", "TENANTS", "WORKS", "Resource",
]  # fmt: skip

_PLAIN = re.compile(r"[a-zA-Z0-9.:_-]+")


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind in one version, as an API server serves it."""

    group: str  # "" = core
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = ()  # () = not asked: made by hand, not by discovery
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """As it stands in an object's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The absolute path of the collection (no name), an object, or its subresource.

        namespace: "" with a namespaced kind and no name = the collection over all namespaces.
        Raises ValueError for a name without the namespace that its kind needs, since that would address another object.
        """
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            base = f"{base}/namespaces/{_segment(namespace)}"
        elif self.namespaced and name:
            raise ValueError(f"{self.kind} {name!r} needs a namespace")
        base = f"{base}/{self.plural}"
        if name:
            base = f"{base}/{_segment(name)}"
        return f"{base}/{subresource}" if subresource else base

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _segment(text: str) -> str:
    """One segment of a path. Names of RBAC objects may hold colons, which stay; nothing can leave the segment."""
    if text in (".", ".."):
        raise ValueError(f"{text!r} is not an object's name")
    return text if _PLAIN.fullmatch(text) else quote(text, safe=":")


CONFIGMAPS = Resource("", "v1", "ConfigMap", "configmaps", True)
NAMESPACES = Resource("", "v1", "Namespace", "namespaces", False)
SECRETS = Resource("", "v1", "Secret", "secrets", True)
SERVICE_ACCOUNTS = Resource("", "v1", "ServiceAccount", "serviceaccounts", True)
LEASES = Resource("coordination.k8s.io", "v1", "Lease", "leases", True)
EVENTS = Resource("events.k8s.io", "v1", "Event", "events", True)
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False
)
TENANTS = Resource(GROUP, VERSION, "Tenant", "tenants", False)
CLUSTERS = Resource(GROUP, VERSION, "Cluster", "clusters", False)
REPOSITORIES = Resource(GROUP, VERSION, "Repository", "repositories", True)
APPLICATIONS = Resource(GROUP, VERSION, "Application", "applications", True)
WORKS = Resource(GROUP, VERSION, "Work", "works", True)
HISTORIES = Resource(GROUP, VERSION, "History", "histories", True)
