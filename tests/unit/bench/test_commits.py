"""How long after a webhook a step's request came."""

from bench.audit import Request
from bench.commits import delays


def test_the_first_request_after_each_webhook_counts() -> None:
    asked = [
        Request(at, 0.01, "hub", verb, resource, 200)
        for at, verb, resource in (
            (9.0, "patch", "works"),
            (10.5, "patch", "works"),
            (10.25, "patch", "works/status"),
            (10.75, "patch", "works"),
            (20.25, "list", "works"),
            (21.0, "patch", "works"),
        )
    ]
    assert delays([10.0, 20.0], asked, "works") == [0.5, 1.0]


def test_a_webhook_that_nothing_followed_has_no_delay() -> None:
    assert delays([10.0], [], "works") == []
