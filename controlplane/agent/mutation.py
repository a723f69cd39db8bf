"""Did admission change what we sent? Compares an apply's reply with the body that was sent, field by field.

A field that a webhook rewrote stays ours in managedFields, so no fingerprint ever tells of it: it has to be looked for
in the reply. Only fields that we sent and that came back with another value count. What the server adds is its own
matter, and the forms that it normalises (quantities, durations, empty values, base64) are equal here.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["mutated", "same"]

_MOST = 5  # fields that are named; one is enough to look for the webhook
_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1), "k": Decimal(10**3),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]{1,3})?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_DURATION = re.compile(r"(?:[0-9.]+(?:ns|us|µs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NEVER_READ = frozenset({"apiVersion", "kind", "status", "stringData"})
_META = ("labels", "annotations", "finalizers", "ownerReferences")


def mutated(sent: Mapping[str, Any], reply: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of fields that came back different, at most five: ("spec.replicas", ...). Values are never shown.

    A field that did not come back at all is none of them: servers prune what they do not know, and drop what is empty.
    """
    found: list[str] = []
    for path in _differences(sent, reply):
        found.append(path)
        if len(found) == _MOST:
            break
    return tuple(found)


def _differences(sent: Mapping[str, Any], reply: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sent.items():
        if name == "metadata":
            for part in _META:
                if part in value:
                    yield from _compare(f"metadata.{part}", value[part], (reply.get("metadata") or {}).get(part))
        elif name == "data" and sent.get("kind") == "Secret" and sent.get("apiVersion") == "v1":
            yield from _secret_data(value, reply.get("data"))
        elif name not in _NEVER_READ:
            yield from _compare(name, value, reply.get(name))


def _compare(path: str, sent: Any, got: Any) -> Iterator[str]:
    if got is None or sent is None or sent == got or _empty(sent):
        return
    if isinstance(sent, dict) and isinstance(got, dict):
        for name, value in sent.items():
            yield from _compare(f"{path}.{name}", value, got.get(name))
    elif isinstance(sent, list) and isinstance(got, list):
        yield from _compare_lists(path, sent, got)
    elif not _same_scalar(sent, got):
        yield path


def _compare_lists(path: str, sent: list[Any], got: list[Any]) -> Iterator[str]:
    """Others may have added items, before or between ours. An item of ours has to be there, wherever it stands."""
    for at, item in enumerate(sent):
        here = got[at] if at < len(got) else None
        if here is not None and same(item, here):
            continue
        if any(same(item, other) for other in got if _same_shape(item, other)):
            continue
        partner = next((other for other in got if _same_name(item, other)), None)
        if partner is not None:
            yield from _compare(f"{path}[{item['name']}]", item, partner)
        elif got:  # a list that came back empty was dropped
            yield f"{path}[{at}]"


def same(sent: Any, got: Any) -> bool:
    """Whether a value of ours is there: what others added to it, and other forms of the same, count as the same."""
    return next(_compare("", sent, got), None) is None


def _same_shape(item: Any, other: Any) -> bool:
    return isinstance(other, dict) == isinstance(item, dict)


def _same_name(item: Any, other: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(other, dict):
        return False
    return "name" in item and bool(item["name"] == other.get("name"))


def _secret_data(sent: Any, got: Any) -> Iterator[str]:
    if not isinstance(sent, dict) or not isinstance(got, dict):
        return
    for name, value in sent.items():
        if name in got and value is not None and value != got[name] and _decoded(value) != _decoded(got[name]):
            yield f"data.{name}"


def _decoded(value: Any) -> Any:
    try:
        return base64.b64decode(value) if isinstance(value, str) else value
    except binascii.Error:
        return value


def _empty(value: Any) -> bool:
    return bool(value == "" or value == {} or value == [])


def _same_scalar(sent: Any, got: Any) -> bool:
    if isinstance(sent, dict | list) or isinstance(got, dict | list):
        return False
    if isinstance(sent, bool) or isinstance(got, bool):
        return sent is got
    texts = (_text(sent), _text(got))
    if texts[0] == texts[1]:
        return True
    left, right = _quantity(texts[0]), _quantity(texts[1])
    if left is not None and right is not None:
        return left == right
    seconds = _seconds(texts[0]), _seconds(texts[1])
    return seconds[0] is not None and seconds[0] == seconds[1]


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _quantity(text: str) -> Decimal | None:
    """A Kubernetes quantity ("1000m", "1e3", "1Gi") as a number; None if it is none."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        return None
    try:
        return Decimal(found[1]) * _SUFFIXES[found[2] or ""]
    except InvalidOperation:
        return None


def _seconds(text: str) -> float | None:
    """A Go duration ("90s", "1m30s") in seconds; None if it is none."""
    if not _DURATION.fullmatch(text):
        return None
    try:
        return round(sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text)), 9)
    except ValueError:
        return None
