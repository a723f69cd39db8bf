"""Tenant: who a team is, and what it may use. The gate's rules are compiled from it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from controlplane.api.model import Condition, Kind, Part, Selector, rules

__all__ = [
    "KindRule", "Member", "Quantity", "ResourceName", "Tenant", "TenantLimits", "TenantNamespace", "TenantResources",
    "TenantSource", "TenantSpec", "TenantStatus",
]  # fmt: skip

Quantity = Annotated[str, Field(max_length=32, pattern=r"^[0-9.]+([eE][-+]?[0-9]+|[numkMGTPE]i?|Ki)?$")]
ResourceName = Annotated[str, Field(max_length=253)]


class Member(Part):
    """A person or a group of people, and their role in the tenant."""

    user: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    group: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    role: Literal["viewer", "developer", "admin"]

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.user) != has(self.group)", "a member is either a user or a group: give one of them")
        )
    )


class TenantSource(Part):
    """Git that the tenant may deploy from. `*` stops at a slash, `**` does not."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1024,
            json_schema_extra=rules(
                (
                    "self.startsWith('https://') || self.startsWith('http://') || self.startsWith('ssh://')",
                    "write a URL with its scheme, such as https://git.example.com/team/**",
                ),
                ("!self.contains('@')", "a source names no user: credentials stand in the Repository's secretRef"),
            ),
        ),
    ]


class TenantNamespace(Part):
    """A namespace on each of the tenant's clusters, and the ground that is laid in it."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            pattern=r"^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$",
            json_schema_extra=rules(
                (
                    "!(self in ['default']) && !self.startsWith('kube-') && !self.startsWith('controlplane-')",
                    "default, kube-* and controlplane-* belong to no tenant: choose another name",
                ),
                ("self != '*'", "a lone * would be every namespace: begin it with the tenant's own prefix"),
            ),
        ),
    ]
    create: bool = True
    quota: Annotated[dict[ResourceName, Quantity], Field(max_length=50)] | None = None
    limits: Annotated[dict[ResourceName, Quantity], Field(max_length=50)] | None = None
    pod_security: Literal["privileged", "baseline", "restricted"] = "baseline"
    network: Literal["isolated", "open"] = "isolated"

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!self.name.contains('*') || !self.create",
                "a glob names namespaces that exist already: set create: false",
            )
        )
    )


class KindRule(Part):
    """Kinds of one API group; `*` stands for all of them."""

    group: Annotated[str, Field(max_length=253)] = ""
    kinds: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=63)], ...], Field(min_length=1, max_length=100)
    ]


class TenantResources(Part):
    """Which kinds the tenant may deploy. Deny wins over allow."""

    allow: Annotated[tuple[KindRule, ...], Field(max_length=100)] | None = Field(
        default=None, description="namespaced kinds; absent = all but the platform's own"
    )
    deny: Annotated[tuple[KindRule, ...], Field(max_length=100)] = ()
    cluster_scoped: Annotated[tuple[KindRule, ...], Field(max_length=100)] = Field(
        default=(), description="cluster-scoped kinds; absent = none"
    )


class TenantLimits(Part):
    """How much the tenant may have."""

    applications: Annotated[int, Field(ge=0, le=100_000)] = 100
    objects_per_application: Annotated[int, Field(ge=0, le=20_000)] = 2000
    depth: Annotated[int, Field(ge=1, le=10)] = 3


class TenantSpec(Part):
    """What the platform team says of one team."""

    description: Annotated[str, Field(max_length=1024)] = ""
    members: Annotated[tuple[Member, ...], Field(max_length=200)] = ()
    sources: Annotated[tuple[TenantSource, ...], Field(max_length=100)] = ()
    clusters: Selector | None = Field(default=None, description="absent = no cluster")
    namespaces: Annotated[tuple[TenantNamespace, ...], Field(max_length=50)] = ()
    resources: TenantResources = TenantResources()
    hosts: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=200)] | None = (
        None
    )
    limits: TenantLimits = TenantLimits()

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.namespaces) || self.namespaces.all(a, self.namespaces.exists_one(b, b.name == a.name))",
                "each namespace may be listed once",
            )
        )
    )


class TenantStatus(Part):
    """What has become of it."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
    observed_generation: int = 0
    clusters: int = 0
    applications: int = 0


class Tenant(Kind):
    """A team. Cluster-scoped; written by the platform team, from `tenants/` in the platform's repository."""

    spec: TenantSpec = TenantSpec()
    status: TenantStatus = TenantStatus()
