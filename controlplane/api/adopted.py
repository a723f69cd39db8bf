"""Adopted: which objects that were there before an Application took over, and from whom. In a Work's status, and rolled up."""

from typing import Annotated

from pydantic import Field

from controlplane.api.model import Part

__all__ = ["Adopted"]


class Adopted(Part):
    """objects: how many of what is delivered now. names, managers: some of them, and whose fields they were."""

    objects: int = 0
    names: Annotated[tuple[Annotated[str, Field(max_length=640)], ...], Field(max_length=10)] = ()
    managers: Annotated[tuple[Annotated[str, Field(max_length=128)], ...], Field(max_length=10)] = ()
