"""Work: one Application, or one tenant's ground, on one cluster. The whole of what passes between hub and agent.

The hub writes spec, that cluster's agent writes status, and neither writes the other's. The payload is not here: spec
names an artifact's digest, and the agent fetches it by that reference.
"""

from typing import Annotated, Literal

from pydantic import Field

from controlplane.api.adopted import Adopted
from controlplane.api.health import HealthRules, Provided
from controlplane.api.ignore import IgnoreRules
from controlplane.api.model import Condition, DnsLabel, Kind, Name, Part, Problem

__all__ = [
    "KIND_GLOB", "MOVES_PROTOCOL", "PROTOCOL", "ApplicationRef", "Artifact", "DigestText", "Drift", "Ground",
    "GroundNamespace", "Hash", "Identity", "Kept", "Kinds", "ObjectCounts", "ObjectRef", "ObjectRefs", "Options",
    "Resources", "Synced", "Work", "WorkSpec", "WorkStatus",
]  # fmt: skip

PROTOCOL = 2  # what this version understands; an agent holds a Work of a higher one and says so
MOVES_PROTOCOL = 2  # of a Work that says movedTo: an agent that does not know it would prune what is to be taken over

# <group>/<Kind>, the core group written core; at most one * in each, so that no such text is slow to match.
KIND_GLOB = r"^[-a-z0-9.]*\*?[-a-z0-9.]*/[A-Za-z0-9]*\*?[A-Za-z0-9]*$"
_KindGlob = Annotated[str, Field(max_length=320, pattern=KIND_GLOB)]

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", max_length=32)]
DigestText = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
Resources = Annotated[
    dict[Annotated[str, Field(max_length=253)], Annotated[str, Field(max_length=32)]], Field(max_length=50)
]


class ApplicationRef(Part):
    """The Application on the hub that this is about."""

    namespace: DnsLabel
    name: Annotated[str, Field(max_length=253)]

    def __str__(self) -> str:
        """As people write it, and as cpctl takes it."""
        return f"{self.namespace}/{self.name}"


class Identity(Part):
    """The ServiceAccount on the member that applies."""

    namespace: DnsLabel
    name: Name


class Artifact(Part):
    """What to apply, by content."""

    digest: DigestText
    size: Annotated[int, Field(ge=0)] = Field(default=0, description="compressed bytes")
    objects: Annotated[int, Field(ge=0)] = 0


class Options(Part):
    """How to apply it."""

    prune: bool = True
    self_heal: bool = True
    replace: bool = False
    adopt: bool = False
    create_namespace: DnsLabel | None = None
    provides: Annotated[tuple[Provided, ...], Field(max_length=8)] = Field(
        default=(), description="what the cluster has, as its Cluster says: LoadBalancer, Ingress"
    )
    health_timeout_s: Annotated[int, Field(ge=0)] = Field(
        default=600, description="for how long a wave or a hook may take to be well before it is told; 0 = for ever"
    )
    ignore: IgnoreRules = Field(default=(), description="fields that are left to others")
    orphan: bool = Field(
        default=False, description="on removal: let the objects go, and delete none; prune is false then"
    )


class ObjectRef(Part):
    """One object, as a person names it. group and namespace: absent = any."""

    group: Annotated[str, Field(max_length=253)] | None = None
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    namespace: Annotated[str, Field(max_length=63)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=253)]


ObjectRefs = Annotated[tuple[ObjectRef, ...], Field(max_length=10)]


class Kept(Part):
    """What the artifact holds beside what Git says, since its removal waits for a person's word. The hub's own note."""

    objects: Annotated[int, Field(ge=0)]
    besides: DigestText = Field(description="of what Git says alone")


class GroundNamespace(Part):
    """One namespace of a tenant's ground, with what is laid in it; a glob's namespaces are there already."""

    name: Annotated[str, Field(max_length=63)]
    create: bool = True
    quota: Resources | None = None
    limits: Resources | None = None
    pod_security: Literal["privileged", "baseline", "restricted"] = "baseline"
    network: Literal["isolated", "open"] = "isolated"


class Kinds(Part):
    """The kinds that a tenant may have on a cluster. Deny wins over allow."""

    allow: Annotated[tuple[_KindGlob, ...], Field(max_length=200)] = ("*/*",)
    deny: Annotated[tuple[_KindGlob, ...], Field(max_length=200)] = ()


class Ground(Part):
    """A tenant's ground on a cluster, in typed fields: the agent makes the objects, so no free manifest reaches its own rights."""

    namespaces: Annotated[tuple[GroundNamespace, ...], Field(max_length=50)] = ()
    kinds: Kinds = Kinds()


class WorkSpec(Part):
    """What the hub wants on this cluster. Level-based: only the newest counts."""

    protocol: int = 1
    hub: Annotated[str, Field(max_length=64)] = Field(description="uid of controlplane-system on the hub that wrote it")
    delivery: int = Field(
        description="rises with each change; milliseconds since 1970 when dispatched, or the last one plus one"
    )
    type: Literal["Application", "Ground"]
    state: Literal["Present", "Removed"] = "Present"
    suspended: bool = False
    tenant: DnsLabel
    application: ApplicationRef
    owner: Hash
    identity: Identity
    artifact: Artifact | None = None
    revision: Annotated[str, Field(max_length=320)] = ""
    options: Options = Options()
    sync: Annotated[str, Field(max_length=64)] = Field(
        default="", description="a new text asks for every object to be applied again"
    )
    sync_objects: ObjectRefs = Field(default=(), description="what sync is about; empty = every object")
    ground: Ground | None = None
    kept: Kept | None = None
    moved_from: ApplicationRef | None = Field(
        default=None, description="take over what this one delivered here, as soon as its own Work says movedTo"
    )
    moved_to: ApplicationRef | None = Field(
        default=None, description="who takes over what this one delivered: nothing of it is healed or pruned meanwhile"
    )
    health: HealthRules = Field(default=(), description="the Application's own rules for custom kinds")
    trace: Annotated[str, Field(max_length=64, pattern=r"^[-0-9a-f]*$")] = Field(
        default="", description="W3C traceparent of the dispatch; not a part of what is wanted"
    )


class ObjectCounts(Part):
    """Of the desired objects: how many are applied, and how many healthy."""

    total: int = 0
    applied: int = 0
    healthy: int = 0


class Drift(Part):
    """How often foreign writes were undone, and the last of them."""

    healed: int = 0
    object: Annotated[str, Field(max_length=640)] = ""
    manager: Annotated[str, Field(max_length=128)] = ""
    time: Annotated[str, Field(max_length=40)] = ""
    fields: Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=8)] = ()


class Synced(Part):
    """The last request for another apply that was carried out."""

    request: Annotated[str, Field(max_length=64)] = ""
    objects: int = Field(default=0, description="how many objects it meant")


class WorkStatus(Part):
    """What is true on the cluster.

    conditions: Ready, Synced, Healthy always; Reconciling and Stalled when true; Removed once state Removed is carried out.
    digest: of the artifact (or the ground's hash) whose every object is applied; "" = none yet. A report counts only
    where delivery is the one that the hub dispatched last.
    """

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
    observed_generation: int = 0
    hub: Annotated[str, Field(max_length=64)] = ""
    delivery: int = 0
    digest: Annotated[str, Field(max_length=71)] = ""
    revision: Annotated[str, Field(max_length=320)] = ""
    health: Literal["", "Healthy", "Progressing", "Degraded", "Suspended", "Unknown"] = ""
    objects: ObjectCounts = ObjectCounts()
    problems: Annotated[tuple[Problem, ...], Field(max_length=10)] = ()
    drift: Drift = Drift()
    synced: Synced = Synced()
    adopted: Adopted = Adopted()


class Work(Kind):
    """One delivery to one cluster. Namespaced in `cluster-<name>`; under 2 KB."""

    spec: WorkSpec
    status: WorkStatus = WorkStatus()
