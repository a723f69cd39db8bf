"""Rollout: in which order a new revision reaches clusters (or a root's children), and what stops it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from controlplane.api.model import Part, Selector, rules

__all__ = ["Duration", "MaxUnavailable", "Rollout", "RolloutStatus", "RolloutStep"]

Duration = Annotated[
    str,
    Field(
        max_length=32,
        pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
        json_schema_extra=rules(("duration(self) <= duration('8760h')", "a wait is at most a year")),
    ),
]
_COUNT_OR_SHARE = r"^([1-9][0-9]{0,4}|[1-9][0-9]?%|100%)$"


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


MaxUnavailable = Annotated[
    str,
    BeforeValidator(_text),
    Field(max_length=8, pattern=_COUNT_OR_SHARE),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": 8,
            **rules(
                (
                    f"type(self) == int ? self >= 1 && self <= 99999 : self.matches('{_COUNT_OR_SHARE}')",
                    "write a count such as 2, or a share such as 25%",
                )
            ),
        }
    ),
]
"""A count, or a share as text; an integer is read as its text."""


class RolloutStep(Part):
    """Some of the clusters, or of a root's children, which get a new revision before those of later steps."""

    clusters: Selector | None = Field(default=None, description="of an Application that deploys objects")
    children: Selector | None = Field(default=None, description="of a root: Applications by name and label")
    max_unavailable: MaxUnavailable | None = Field(
        default=None,
        description="how many of the step may be on their way at once; a share is rounded down, to at least 1; absent = all",
    )
    soak: Duration = Field(
        default="0s", description="for how long all of the step have to stay Ready before the next one"
    )
    approval: bool = Field(default=False, description="the step begins with a person's word: cpctl app approve")

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.clusters) != has(self.children)", "each step selects clusters, or a root's children")
        )
    )


class Rollout(Part):
    """The steps of a new revision; what no step selects comes last, all at once."""

    steps: Annotated[tuple[RolloutStep, ...], Field(min_length=1, max_length=20)]
    offline_grace: Duration = Field(
        default="10m", description="a cluster that is silent for longer holds nothing up, and follows when it is back"
    )
    timeout: Duration = Field(default="30m", description="by when each has to be Ready with the new revision")
    on_failure: Literal["Rollback", "Halt"] = "Rollback"


class RolloutStatus(Part):
    """How far the newest revision is."""

    revision: Annotated[str, Field(max_length=320)] = ""
    phase: Literal["Progressing", "Soaking", "WaitingForApproval", "RollingBack", "RolledBack", "Halted", "Done"]
    step: int = Field(default=0, description="from 1; the one after the last named is that of all others")
    of: int = 0
    updated: int = Field(default=0, description="have the new revision and are Ready with it")
    total: int = 0
    message: Annotated[str, Field(max_length=1024)] = ""
    token: Annotated[str, Field(max_length=64)] = Field(default="", description="for cpctl app approve")
    started_at: Annotated[str, Field(max_length=40)] = ""
    step_since: Annotated[str, Field(max_length=40)] = ""
