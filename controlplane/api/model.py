"""What the models of all five kinds share: bounds, selectors, conditions, problems.

Every list, map and string has a maximum: the API server refuses CEL rules whose cost it cannot bound.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "DNS_LABEL", "DNS_NAME", "CommitInfo", "Condition", "DnsLabel", "Kind", "LabelKey", "LabelRequirement", "LabelValue",
    "LocalSecret", "Metadata", "Name", "Part", "Problem", "Rule", "Selector", "Text", "rules",
]  # fmt: skip

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_NAME = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"

DnsLabel = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
Name = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_NAME)]
Text = Annotated[str, Field(max_length=1024)]
LabelKey = Annotated[str, Field(max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]


class Rule(BaseModel):
    """One CEL rule of a schema (x-kubernetes-validations); message says what to write instead."""

    rule: str
    message: str
    field_path: str | None = Field(default=None, serialization_alias="fieldPath")


def rules(*each: tuple[str, str]) -> dict[str, Any]:
    """(CEL expression, message) pairs as the extra JSON schema of a model or a field."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in each]}


class Part(BaseModel):
    """A piece of an object. Unknown fields are ignored: hub and agents work at two minor versions' distance."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    def wire(self) -> dict[str, Any]:
        """The JSON form: camelCase, without fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(Part):
    """The part of ObjectMeta that we read."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()


class Kind(Part):
    """The top of one of our kinds. Subclasses add spec and status."""

    api_version: str = ""
    kind: str = ""
    metadata: Metadata


class LocalSecret(Part):
    """A Secret in the namespace of the object that names it."""

    name: Name


class LabelRequirement(Part):
    """One requirement over a label, as in Kubernetes."""

    key: Annotated[str, Field(min_length=1, max_length=317)]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[tuple[LabelValue, ...], Field(max_length=50)] = ()


class Selector(Part):
    """Objects by name and label. All parts that are given must hold; one without any part selects everything."""

    names: Annotated[tuple[DnsLabel, ...], Field(max_length=500)] | None = None
    match_labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=50)] | None = None
    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=50)] | None = None

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                (
                    "!has(self.matchExpressions) || self.matchExpressions.all(e, "
                    "(e.operator in ['In', 'NotIn']) == (has(e.values) && size(e.values) > 0))"
                ),
                "operators In and NotIn need values, Exists and DoesNotExist take none",
            )
        )
    )

    def matches(self, name: str, labels: dict[str, str]) -> bool:
        """Whether an object of this name and these labels is selected. Source: Kubernetes' label selectors."""
        if self.names is not None and name not in self.names:
            return False
        if any(labels.get(key) != value for key, value in (self.match_labels or {}).items()):
            return False
        return all(_holds(requirement, labels) for requirement in self.match_expressions or ())


def _holds(requirement: LabelRequirement, labels: dict[str, str]) -> bool:
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in requirement.values
        case "NotIn":  # as in Kubernetes: an absent label is not in the values
            return labels.get(requirement.key) not in requirement.values
        case "Exists":
            return requirement.key in labels
        case "DoesNotExist":
            return requirement.key not in labels


class Condition(Part):
    """A condition as Kubernetes has them (meta/v1)."""

    type: Annotated[str, Field(max_length=63)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(max_length=128)]
    message: Annotated[str, Field(max_length=2048)] = ""
    last_transition_time: Annotated[str, Field(max_length=40)] = ""
    observed_generation: int = 0


class CommitInfo(Part):
    """Who changed what, when: the first line of the commit's message and its author, and what it says may go.

    allow_removal: the values of its trailers Controlplane-Allow-Removal, see controlplane.hub.word.
    """

    author: Annotated[str, Field(max_length=320)] = ""
    time: Annotated[str, Field(max_length=40)] = ""
    message: Annotated[str, Field(max_length=512)] = ""
    allow_removal: Annotated[tuple[Annotated[str, Field(max_length=340)], ...], Field(max_length=20)] = ()


class Problem(Part):
    """One thing that stands between an Application and Ready, as a person needs it to act."""

    object: Annotated[str, Field(max_length=640)] = ""
    cluster: Annotated[str, Field(max_length=63)] = ""
    file: Annotated[str, Field(max_length=1024)] = ""
    line: int = 0
    rule: Annotated[str, Field(max_length=512)] = ""
    reason: Annotated[str, Field(max_length=128)]
    message: Annotated[str, Field(max_length=1024)] = ""
