"""Application: a path in a Repository, how to render it, and where it goes; or a root, which renders Applications."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from controlplane.api.health import HealthRules
from controlplane.api.model import CommitInfo, Condition, DnsLabel, Kind, Name, Part, Problem, Selector, rules

__all__ = [
    "Application", "ApplicationSpec", "ApplicationStatus", "ChildCounts", "ClusterCounts", "Dependency", "Dimension",
    "Expand", "Folders", "Held", "Override", "Path", "Placement", "Request", "Source", "Suspend", "Sync", "Template",
    "TemplateMetadata", "VariableName",
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


class Sync(Part):
    """How it is delivered."""

    mode: Literal["Automatic", "Manual"] = "Automatic"
    prune: bool = True
    self_heal: bool = True
    replace: bool = Field(default=False, description="delete and create again where a field is immutable")
    adopt: bool = Field(
        default=False, description="take over fields of objects that were there before and that nobody of ours owns"
    )
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


class Suspend(Part):
    """Hold everything as it is: nothing is rendered, applied, healed or pruned."""

    by: Annotated[str, Field(max_length=256)] = ""
    reason: Annotated[str, Field(max_length=512)] = ""


class Request(Part):
    """What a person asked for last; each is acted on once, when its text changes."""

    sync: Annotated[str, Field(max_length=64)] = Field(
        default="", description="any new text: look at Git and every object now"
    )
    approve: Annotated[str, Field(max_length=64)] = Field(
        default="", description="the token of the held change, from status.held"
    )
    by: Annotated[str, Field(max_length=256)] = ""


class Dependency(Part):
    """An Application of the same namespace that has to be Ready before this one is delivered."""

    name: Name


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
    suspend: Suspend | None = None
    request: Request = Request()

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
    """A change that waits for a person's word, and what it would remove."""

    token: Annotated[str, Field(max_length=64)]
    revision: Annotated[str, Field(max_length=320)] = ""
    removes: int
    of: int
    objects: Annotated[tuple[Annotated[str, Field(max_length=640)], ...], Field(max_length=10)] = ()


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
    request: Request = Request()


class Application(Kind):
    """A leaf deploys objects, a root makes Applications; one may do both. Namespaced."""

    spec: ApplicationSpec
    status: ApplicationStatus = ApplicationStatus()
