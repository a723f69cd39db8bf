"""Application: a path in a Repository, how to render it, and where it goes; or a root, which renders Applications."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from controlplane.api.adopted import Adopted
from controlplane.api.control import Pin, Suspend, Window
from controlplane.api.health import HealthRules
from controlplane.api.history import HISTORY_LIMIT, MOST_DELIVERIES
from controlplane.api.ignore import IgnoreRules
from controlplane.api.model import CommitInfo, Condition, DnsLabel, Kind, Name, Part, Problem, Selector, rules
from controlplane.api.rollout import Rollout, RolloutStatus
from controlplane.api.work import ObjectRefs

__all__ = [
    "Adopted", "Application", "ApplicationSpec", "ApplicationStatus", "ChildCounts", "ClusterCounts", "Dependency",
    "Dimension", "Expand", "Folders", "Guard", "Held", "MovedApplication", "Override", "Path", "Placement", "Request",
    "Source", "Sync", "Template", "TemplateMetadata", "VariableName", "WaitsFor",
]  # fmt: skip

Path = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        json_schema_extra=rules(
            ("!self.startsWith('/')", "a path begins at the repository's root, without a slash: apps/web"),
            ("!self.split('/').exists(part, part == '..')", "a path may not leave its repository: no .. in it"),
        ),
    ),
]
VariableName = Annotated[str, Field(max_length=63)]


class Source(Part):
    """Which folder (or file) of which Repository, and what turns it into objects."""

    repository: Name
    path: Path = "."
    renderer: Literal["auto", "plain", "kustomize"] = "auto"


class Placement(Part):
    """Where the objects go, within what the Tenant allows."""

    clusters: Selector | None = Field(default=None, description="absent = all clusters that the Tenant allows")
    namespace: DnsLabel | None = Field(default=None, description="for objects that name none")
    create_namespace: bool = Field(default=False, description="the platform's Applications only")


class Override(Part):
    """Other values on some clusters; the first that selects a cluster and names a variable wins."""

    clusters: Selector
    variables: Annotated[dict[VariableName, Annotated[str, Field(max_length=1024)]], Field(max_length=100)]


class Guard(Part):
    """When a change that removes objects waits for a person's word: it removes at least so many, and a larger share.

    Whatever stands here, a change waits that removes a Namespace, a CustomResourceDefinition, a PersistentVolume, a
    PersistentVolumeClaim or a StatefulSet, or that would leave nothing.
    """

    at_least: Annotated[int, Field(ge=1, le=100000)] = Field(default=5, description="objects; fewer are not much")
    more_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=30, description="of what is delivered to a cluster"
    )


class Sync(Part):
    """How it is delivered."""

    mode: Literal["Automatic", "Manual"] = "Automatic"
    prune: bool = True
    self_heal: bool = True
    replace: bool = Field(default=False, description="delete and create again where a field is immutable")
    adopt: bool = Field(
        default=False, description="take over fields of objects that were there before and that nobody of ours owns"
    )
    ignore: IgnoreRules = Field(
        default=(), description="fields that begin as Git says, and are then left to others: neither healed nor reset"
    )
    windows: Annotated[tuple[Window, ...], Field(max_length=20)] = Field(
        default=(), description="when changes are delivered: outside of every allow, and within any deny, they wait"
    )
    guard: Guard = Guard()
    health_timeout: Annotated[
        str,
        Field(
            max_length=32,
            pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
            json_schema_extra=rules(
                ("duration(self) < duration('8760h')", "a health timeout is under a year; 0s is none")
            ),
        ),
    ] = Field(
        default="10m",
        description="how long a wave or a hook may take to be well before that counts as a failure; 0s = for ever",
    )


class Request(Part):
    """What a person asked for last; each is acted on once, when its text changes."""

    sync: Annotated[str, Field(max_length=64)] = Field(
        default="", description="any new text: look at Git and every object now"
    )
    objects: ObjectRefs = Field(
        default=(), description="what sync is about: only these are applied again, and no commit is let out by it"
    )
    approve: Annotated[str, Field(max_length=64)] = Field(
        default="", description="the token of the held change, from status.held"
    )
    by: Annotated[str, Field(max_length=256)] = ""


class Dependency(Part):
    """An Application that has to be Ready before this one is delivered."""

    name: Name
    namespace: DnsLabel | None = Field(
        default=None,
        description="absent = the same; controlplane-system where the platform exports that Application to this tenant",
    )
    on: Literal["AllClusters", "SameCluster"] = Field(
        default="AllClusters",
        description="Ready as a whole; or each cluster by itself, as soon as the other is Ready there",
    )


class Folders(Part):
    """Folders of the root's own repository that match a glob of whole path parts."""

    path: Path


class Dimension(Part):
    """One factor of the product that a template is expanded over."""

    tenants: Selector | None = None
    clusters: Selector | None = None
    folders: Folders | None = None

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(has(self.tenants) ? 1 : 0) + (has(self.clusters) ? 1 : 0) + (has(self.folders) ? 1 : 0) == 1",
                "each part of over is one of tenants, clusters and folders",
            )
        )
    )


class TemplateMetadata(Part):
    """Name, namespace, labels and annotations of the children."""

    name: Annotated[str, Field(min_length=1, max_length=512)]
    namespace: Annotated[str, Field(max_length=512)] | None = None
    labels: Annotated[dict[str, Annotated[str, Field(max_length=512)]], Field(max_length=50)] | None = None
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=50)] | None = None


class Template(Part):
    """A child Application; `{{ tenant.name }}` and the like are replaced inside its strings."""

    metadata: TemplateMetadata
    spec: Annotated[
        dict[str, Any], Field(max_length=20, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    ]


class Expand(Part):
    """Turns one template into an Application for each element of a product."""

    over: Annotated[tuple[Dimension, ...], Field(min_length=1, max_length=4)]
    template: Template


MovedApplication = Annotated[
    str,
    Field(
        min_length=3,
        max_length=317,
        json_schema_extra=rules(
            ("self.matches('^[a-z0-9][-a-z0-9]*/[a-z0-9][-.a-z0-9]*$')", "an Application is named as namespace/name")
        ),
    ),
]


class ApplicationSpec(Part):
    """What is wanted."""

    source: Source
    placement: Placement | None = None
    overrides: Annotated[tuple[Override, ...], Field(max_length=50)] = ()
    sync: Sync = Sync()
    expand: Expand | None = None
    health: HealthRules = Field(
        default=(),
        description="when objects of custom kinds are well, where no built-in rule says it; see docs/health.md",
    )
    depends_on: Annotated[tuple[Dependency, ...], Field(max_length=50)] = ()
    export_to: Annotated[tuple[DnsLabel, ...], Field(max_length=1000)] = Field(
        default=(),
        description="tenants whose Applications may depend on it; only the platform's Applications can be shared",
    )
    rollout: Rollout | None = None
    suspend: Suspend | None = None
    pin: Pin | None = None
    history_limit: Annotated[int, Field(ge=1, le=MOST_DELIVERIES)] = Field(
        default=HISTORY_LIMIT, description="how many deliveries are kept to look at and to go back to"
    )
    request: Request = Request()
    deletion_policy: Literal["Delete", "Orphan"] = Field(
        default="Delete", description="what becomes of its objects when it is deleted; Orphan: they stay, as nobody's"
    )
    moved_from: MovedApplication | None = Field(
        default=None, description="namespace/name of the Application whose objects it takes over as they are"
    )
    moved_to: MovedApplication | None = Field(
        default=None, description="namespace/name of the Application that may take over its objects"
    )

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.expand) || !has(self.placement)",
                "a root that expands a template has no placement of its own: put it into template.spec",
            ),
        )
    )


class ClusterCounts(Part):
    """On how many clusters it is, and how it does there."""

    total: int = 0
    ready: int = 0
    degraded: int = 0
    offline: int = 0


class ChildCounts(Part):
    """How many Applications a root has made, and how they do."""

    total: int = 0
    ready: int = 0
    degraded: int = 0


class Held(Part):
    """What waits for a person's word to be removed, and why. It stays; the rest of the change is delivered."""

    token: Annotated[str, Field(max_length=64)]
    revision: Annotated[str, Field(max_length=320)] = ""
    removes: int
    of: int
    why: Annotated[str, Field(max_length=512)] = ""
    objects: Annotated[tuple[Annotated[str, Field(max_length=640)], ...], Field(max_length=10)] = ()


class WaitsFor(Part):
    """A dependency that is not met yet."""

    application: Annotated[str, Field(max_length=320)] = Field(description="namespace/name")
    clusters: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=10)] = Field(
        default=(), description="those that wait, the first ten, where each waits for itself; none = all of them"
    )
    why: Annotated[str, Field(max_length=512)] = ""
    since: Annotated[str, Field(max_length=40)] = ""


class ApplicationStatus(Part):
    """What is true now. Bounded: counters and at most ten problems."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
    observed_generation: int = 0
    revision: Annotated[str, Field(max_length=320)] = ""
    attempted_revision: Annotated[str, Field(max_length=320)] = ""
    commit: CommitInfo = CommitInfo()
    clusters: ClusterCounts = ClusterCounts()
    children: ChildCounts = ChildCounts()
    objects: int = 0
    problems: Annotated[tuple[Problem, ...], Field(max_length=10)] = ()
    held: Held | None = None
    adopted: Adopted = Adopted()
    waits_for: Annotated[tuple[WaitsFor, ...], Field(max_length=10)] = ()
    rollout: RolloutStatus | None = None
    request: Request = Request()


class Application(Kind):
    """A leaf deploys objects, a root makes Applications; one may do both. Namespaced."""

    spec: ApplicationSpec
    status: ApplicationStatus = ApplicationStatus()
