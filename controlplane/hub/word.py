"""A person's word that a change may remove what it removes: what a commit says of itself, and what is approved.

A commit says it in trailers of its message, `Controlplane-Allow-Removal: <namespace>/<application> <what>`, where what is the
number of objects that go, `*` for any, or the token that status.held names. Whoever can push can say it: it is the word of
the team whose Git it is. Only the newest commit is read, since no other is fetched.
"""

import re
from collections.abc import Iterable

from controlplane.api.keys import NamespacedName

__all__ = ["TOKEN", "said"]

TOKEN = re.compile(r"[0-9a-f]{12}")
_NUMBER = re.compile(r"[0-9]{1,6}")


def said(trailers: Iterable[str], key: NamespacedName) -> tuple[frozenset[str], frozenset[int | None]]:
    """(tokens, numbers) that trailers give one Application; the number None is any. What is not so shaped says nothing."""
    tokens: set[str] = set()
    numbers: set[int | None] = set()
    for trailer in trailers:
        name, _, what = trailer.strip().partition(" ")
        what = what.strip()
        if name != str(key):
            continue
        if what == "*":
            numbers.add(None)
        elif TOKEN.fullmatch(what):
            tokens.add(what)
        elif _NUMBER.fullmatch(what):
            numbers.add(int(what))
    return frozenset(tokens), frozenset(numbers)
