"""What is said before a command and after it, put together."""

from pathlib import Path

import pytest
import typer

from controlplane.cli.options import Place, place, scope


class Root:
    """The part of a context that is looked at."""

    def __init__(self, obj: object) -> None:
        self.obj = obj

    def find_root(self) -> "Root":
        return self


@pytest.mark.parametrize(
    ("namespace", "tenant", "expected"),
    [
        pytest.param(None, None, "", id="all of them"),
        pytest.param("tenant-a", None, "tenant-a", id="a namespace"),
        pytest.param(None, "a", "tenant-a", id="a tenant"),
        pytest.param(None, "platform", "controlplane-system", id="the platform"),
    ],
)
def test_what_a_namespace_or_a_tenant_stands_for(namespace: str | None, tenant: str | None, expected: str) -> None:
    assert scope(namespace, tenant) == expected


def test_both_at_once_are_refused() -> None:
    with pytest.raises(typer.BadParameter):
        scope("tenant-a", "a")


def test_what_is_said_after_the_command_goes_before_what_is_said_in_front_of_it() -> None:
    before = Place(Path("a"), "one", "tenant-a")
    ctx = Root(before)
    assert place(ctx) == before  # type: ignore[arg-type]  # only find_root().obj is read
    assert place(ctx, Path("b"), "two", None, "b") == Place(Path("b"), "two", "tenant-b")  # type: ignore[arg-type]
    assert place(Root(None)) == Place()  # type: ignore[arg-type]
