"""What a commit says of itself is read for the Application that it names, and for nothing that is not so shaped."""

import pytest

from controlplane.api.keys import NamespacedName
from controlplane.hub.word import said

WEB = NamespacedName("tenant-payments", "web")


@pytest.mark.parametrize(
    ("trailer", "tokens", "numbers"),
    [
        ("tenant-payments/web 7", (), (7,)),
        ("tenant-payments/web   *", (), (None,)),
        ("tenant-payments/web 0123456789ab", ("0123456789ab",), ()),
        ("tenant-payments/web 012345", (), (12345,)),
        ("tenant-payments/web", (), ()),
        ("tenant-payments/web -1", (), ()),
        ("tenant-payments/web 1 2", (), ()),
        ("tenant-payments/web2 7", (), ()),
        ("tenant-other/web 7", (), ()),
        ("* *", (), ()),
        ("", (), ()),
    ],
)
def test_a_trailer(trailer: str, tokens: tuple[str, ...], numbers: tuple[int | None, ...]) -> None:
    assert said((trailer,), WEB) == (frozenset(tokens), frozenset(numbers))


def test_more_than_one_counts() -> None:
    assert said(("tenant-payments/web 7", "tenant-payments/web 8"), WEB) == (frozenset(), frozenset({7, 8}))
