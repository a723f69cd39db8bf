"""JSON text -> the same values that the YAML loader gives, with the same refusals: duplicate keys, depth, no NaN."""

import json
import re
from typing import Any

__all__ = ["JsonError", "read_json"]

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonError(Exception):
    """Not JSON. `final`: it is JSON in form, so reading it as YAML must not be tried."""

    def __init__(self, line: int, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.line, self.message, self.final = line, message, final


class _Refused(ValueError):
    pass


def read_json(data: bytes, max_depth: int, max_nodes: int) -> list[tuple[Any, int]]:
    """Read the JSON values that stand one after another in a text, each with its 1-based line.

    Numbers come as in YAML: 1.0 is 1, integers beyond 64 bits are floats.
    Raises JsonError.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise JsonError(data.count(b"\n", 0, err.start) + 1, "not UTF-8") from err
    decoder = json.JSONDecoder(
        object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int, strict=False
    )
    out: list[tuple[Any, int]] = []
    at = _end_of_space(text, 0)
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as err:
            raise JsonError(err.lineno, f"{err.msg} (column {err.colno})") from err
        except _Refused as err:
            raise JsonError(line, str(err), final=True) from err
        except RecursionError as err:
            raise JsonError(line, f"nested deeper than {max_depth} levels", final=True) from err
        out.append((_checked(value, line, max_depth, max_nodes, clean=bool(_SURROGATE.search(data))), line))
        at = _end_of_space(text, end)
    return out


def _end_of_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"key {twice!r} is given twice in one mapping")
    return made


def _constant(text: str) -> Any:
    raise _Refused(f"{text} has no JSON value")


def _float(text: str) -> int | float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _Refused(f"the number {text[:40]} is out of range")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _int(text: str) -> int | float:
    if len(text) > 20:
        return _float(text)
    value = int(text)
    return value if -(2**63) <= value < 2**64 else float(value)


def _checked(value: Any, line: int, max_depth: int, max_nodes: int, *, clean: bool) -> Any:
    """Bound depth and size without recursion; where the text had surrogate escapes, replace lone ones as Go does."""
    root = [value]
    level: list[Any] = [root]
    depth = nodes = 0
    while level:
        below: list[Any] = []
        for box in level:
            if clean:
                _clean(box)
            children = box.values() if isinstance(box, dict) else box
            nodes += len(box)
            below.extend(child for child in children if isinstance(child, dict | list))
        depth += 1
        if depth > max_depth + 1:
            raise JsonError(line, f"nested deeper than {max_depth} levels", final=True)
        if nodes > max_nodes:
            raise JsonError(line, f"more than {max_nodes} nodes", final=True)
        level = below
    return root[0]


def _clean(box: Any) -> None:
    if isinstance(box, list):
        box[:] = [_whole(item) for item in box]
    else:
        items = [(_whole(key), _whole(item)) for key, item in box.items()]
        box.clear()
        box.update(items)


def _whole(value: Any) -> Any:
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value
