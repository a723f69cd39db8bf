"""What the cluster's owner says of this agent."""

from controlplane.agent.joined import Joined


def test_the_hub_and_the_namespaces_that_are_handed_over() -> None:
    body = {"data": {"hub": "uid-1\n", "adopt-namespaces": "a, b\nc,,"}}
    assert Joined.of(body) == Joined("uid-1", ("a", "b", "c"))


def test_nothing_is_no_hub() -> None:
    assert Joined.of({}) == Joined("", ())
