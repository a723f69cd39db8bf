"""HealthRule: how a team says when an object of a custom kind is well. Part of an Application, and of its Works."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from controlplane.api.model import Part, rules

__all__ = ["HealthRule", "HealthRules", "Provided"]

_Expression = Annotated[str, Field(max_length=512)]


class HealthRule(Part):
    """CEL expressions over one kind's live objects. The first of degraded, progressing and healthy that is true counts."""

    group: Annotated[str, Field(max_length=253)] = Field(default="", description="empty = core")
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    healthy: _Expression = Field(default="", description="where it is given and not true, the object is Progressing")
    progressing: _Expression = ""
    degraded: _Expression = ""
    message: _Expression = Field(
        default="", description="an expression that gives a text, to be shown beside the verdict"
    )

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[self.?healthy, self.?progressing, self.?degraded].exists(given, given.orValue('') != '')",
                "a rule needs at least one of healthy, progressing and degraded",
            )
        )
    )


HealthRules = Annotated[tuple[HealthRule, ...], Field(max_length=8)]
Provided = Literal["LoadBalancer", "Ingress"]
