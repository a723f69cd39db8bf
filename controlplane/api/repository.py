"""Repository: a Git source that Applications of its namespace may read."""

from typing import Annotated

from pydantic import ConfigDict, Field

from controlplane.api.model import CommitInfo, Condition, DnsLabel, Kind, LocalSecret, Part, rules

__all__ = ["PolicyStatus", "Ref", "RefName", "Repository", "RepositorySpec", "RepositoryStatus"]

RefName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_][-A-Za-z0-9_./+]*$")]


class Ref(Part):
    """What to follow: a branch, a tag or one commit."""

    branch: RefName | None = None
    tag: RefName | None = None
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$", max_length=40)] | None = None

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(has(self.branch) ? 1 : 0) + (has(self.tag) ? 1 : 0) + (has(self.commit) ? 1 : 0) <= 1",
                "give one of branch, tag and commit (none of them means branch: main)",
            )
        )
    )


class RepositorySpec(Part):
    """Where the repository is and how to read it."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1024,
            json_schema_extra=rules(
                (
                    "self.matches('^(https|http|file)://')",
                    "write an https:// URL (http:// where the hub's settings allow it)",
                ),
                (
                    "!self.contains('@')",
                    "the URL names no user: put credentials into a Secret and name it in secretRef",
                ),
            ),
        ),
    ]
    ref: Ref = Ref()
    interval: Annotated[
        str,
        Field(
            max_length=32,
            pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
            json_schema_extra=rules(("duration(self) >= duration('1s')", "an interval is at least 1s")),
        ),
    ] = "3m"
    secret_ref: LocalSecret | None = Field(default=None, description="keys: username and password, or token")
    export_to: Annotated[tuple[DnsLabel, ...], Field(max_length=1000)] = Field(
        default=(),
        description="tenants whose Applications may read it too; only the platform's Repositories can be shared",
    )
    suspend: bool = False


class PolicyStatus(Part):
    """The policies in a Repository that the hub's settings name. Why a commit is refused says the condition Policies."""

    revision: Annotated[str, Field(max_length=320)] = Field(default="", description="in force; of the last good commit")
    rules: int = 0
    tests: int = 0
    refused: Annotated[str, Field(max_length=320)] = Field(
        default="", description="the newest, where it is not in force"
    )


class RepositoryStatus(Part):
    """The last good revision, and what stands in the way of a newer one."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
    observed_generation: int = 0
    revision: Annotated[str, Field(max_length=320)] = ""
    commit: CommitInfo = CommitInfo()
    policies: PolicyStatus | None = None


class Repository(Kind):
    """A Git source. Namespaced; written by the platform or a tenant."""

    spec: RepositorySpec
    status: RepositoryStatus = RepositoryStatus()
