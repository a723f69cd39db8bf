"""What is collected: never what a Work names, and nothing at the first look."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.keys import Digest
from controlplane.hub.collect import unused

digests = st.frozensets(st.sampled_from("abcdef").map(Digest))


@given(kept=digests, named=digests, seen=digests)
def test_only_what_was_unused_twice_goes(
    kept: frozenset[Digest], named: frozenset[Digest], seen: frozenset[Digest]
) -> None:
    gone = unused(kept, named, seen)
    assert gone <= kept & seen
    assert not gone & named
    assert unused(kept, named, frozenset()) == frozenset()
