"""Cluster: a member cluster. Its labels are what selectors read; its status holds only claims of its agent."""

from typing import Annotated

from pydantic import Field

from controlplane.api.health import Provided
from controlplane.api.model import Condition, Kind, Part

__all__ = ["AgentInfo", "Cluster", "ClusterCounts", "ClusterSpec", "ClusterStatus"]


class ClusterSpec(Part):
    """What the platform team says of the cluster; what it may be selected by stands in metadata.labels."""

    description: Annotated[str, Field(max_length=1024)] = ""
    platform_role: Annotated[str, Field(max_length=253)] = Field(
        default="none",
        description="what the platform's ServiceAccount was given when the cluster joined; told, not enforced, here",
    )
    provides: Annotated[tuple[Provided, ...], Field(max_length=8)] = Field(
        default=(),
        description="controllers that give addresses here: LoadBalancer, Ingress. Health waits for the addresses of those",
    )


class AgentInfo(Part):
    """What the agent says of itself."""

    version: Annotated[str, Field(max_length=63)] = ""
    protocol: int = 0
    kubernetes: Annotated[str, Field(max_length=63)] = ""


class ClusterCounts(Part):
    """What the agent holds."""

    works: int = 0
    objects: int = 0
    orphans: int = 0


class ClusterStatus(Part):
    """Claims of the agent, and Ready, which the hub judges by its own clock from the agent's Lease."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
    observed_generation: int = 0
    agent: AgentInfo = AgentInfo()
    counts: ClusterCounts = ClusterCounts()


class Cluster(Kind):
    """A member cluster. Cluster-scoped; made by `cpctl cluster add`."""

    spec: ClusterSpec = ClusterSpec()
    status: ClusterStatus = ClusterStatus()
