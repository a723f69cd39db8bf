"""Paths to fields of an object, as people write them in ignore rules: JSON pointers, and a small part of jq.

Of jq: `.spec.replicas`, `.metadata.annotations["a/b"]`, `.spec.ports[0]`, `.spec.containers[].image`, and
`.spec.containers[] | select(.name == "app") | .image`, with `and` between comparisons; `?` may stand and changes nothing.
Anything else is refused: a whole jq is a programming language, with loops and the environment, and this text is a tenant's.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["EACH", "Each", "FieldPath", "PathError", "Step", "Where", "parse_jq", "parse_pointer", "resolved", "under"]

_MOST_CHARACTERS = 512
_MOST_STEPS = 32
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?[0-9]{1,9})|(?P<sign>==|[.\[\]|()?]))"""
)
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class PathError(ValueError):
    """A text that is no path, or none of those that are understood here. The message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Each:
    """Every item of a list, or every value of a map."""


@dataclass(frozen=True, slots=True)
class Where:
    """Goes on only where a field of the item at hand has this value."""

    path: tuple[str | int, ...]
    value: str | int | bool | None

    def holds(self, item: Any) -> bool:
        """Whether it has. A field that is missing is null, as in jq."""
        for step in self.path:
            if isinstance(step, str) and isinstance(item, dict):
                item = item.get(step)
            elif isinstance(step, int) and isinstance(item, list) and -len(item) <= step < len(item):
                item = item[step]
            else:
                item = None
        return bool(item == self.value) and isinstance(item, bool) == isinstance(self.value, bool)


EACH: Final = Each()
Step = str | int | Each | Where
FieldPath = tuple[Step, ...]
"""From an object inwards. () is the object itself."""


def parse_pointer(text: str) -> FieldPath:
    """A JSON pointer (RFC 6901), such as /spec/replicas or /metadata/annotations/a~1b. Raises PathError."""
    _check_length(text)
    if not text.startswith("/"):
        raise PathError("a JSON pointer begins with /, such as /spec/replicas")
    parts = text[1:].split("/")
    if len(parts) > _MOST_STEPS:
        raise PathError(f"a path has at most {_MOST_STEPS} parts")
    for part in parts:
        if re.search(r"~(?![01])", part):
            raise PathError("in a JSON pointer ~ is written ~0, and / inside of a name ~1")
        if part in ("", "-"):
            raise PathError("a part of the JSON pointer is empty, or stands for an item that is not there")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def parse_jq(text: str) -> FieldPath:
    """A path in the part of jq that the module's docstring shows. Raises PathError."""
    _check_length(text)
    reader = _Reader(_tokens(text))
    steps: list[Step] = []
    while True:
        if reader.take("name", "select"):
            reader.need("sign", "(")
            steps += reader.comparisons()
            reader.need("sign", ")")
        else:
            steps += reader.path()
        if reader.ended:
            break
        reader.need("sign", "|")
    if not any(not isinstance(step, Where) for step in steps):
        raise PathError("the path names no field: the whole object cannot be meant")
    if len(steps) > _MOST_STEPS:
        raise PathError(f"a path has at most {_MOST_STEPS} parts")
    return tuple(steps)


def resolved(paths: Iterable[FieldPath], item: Any) -> tuple[FieldPath, ...]:
    """What is left of paths that have come to an item, once its conditions are asked; () among them = the item is meant."""
    left = []
    for path in paths:
        while path and isinstance(path[0], Where):
            if not path[0].holds(item):
                break
            path = path[1:]
        else:
            left.append(path)
    return tuple(left)


def under(paths: Iterable[FieldPath], step: str | int, length: int = 0) -> tuple[FieldPath, ...]:
    """The rest of those paths (resolved) that go on into a map's key or a list's index. length: of the list."""
    found = []
    for path in paths:
        if not path:
            continue
        head = path[0]
        if isinstance(step, str):
            goes = head is EACH or head == step
        else:  # a JSON pointer writes an index as text
            goes = head is EACH or head in (step, str(step)) or (isinstance(head, int) and head == step - length)
        if goes:
            found.append(path[1:])
    return tuple(found)


def _check_length(text: str) -> None:
    if len(text) > _MOST_CHARACTERS:
        raise PathError(f"a path has at most {_MOST_CHARACTERS} characters")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise PathError(
                f'not understood from {text[at : at + 20]!r} on; a name with other signs is written ["a-b"]'
            )
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


class _Reader:
    """Tokens, one after the other."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._tokens)

    def take(self, kind: str, text: str = "") -> str:
        """The next token, if it is such a one; "" if not."""
        if self.ended:
            return ""
        found, value = self._tokens[self._at]
        if found != kind or (text and value != text):
            return ""
        self._at += 1
        return value

    def need(self, kind: str, text: str) -> None:
        if not self.take(kind, text):
            said = "the end" if self.ended else repr(self._tokens[self._at][1][:40])
            raise PathError(f"{text!r} is due where {said} stands")

    def path(self) -> list[Step]:
        steps: list[Step] = []
        self.need("sign", ".")
        dotted = True
        while True:
            if dotted and (name := self.take("name")):
                steps.append(name)
            elif dotted and (quoted := self.take("string")):
                steps.append(_string(quoted))
            elif self.take("sign", "["):
                steps.append(self._bracket())
            elif dotted and steps:
                raise PathError("a name is due after the dot")
            else:
                return steps
            while self.take("sign", "?"):
                pass
            dotted = bool(self.take("sign", "."))

    def comparisons(self) -> list[Where]:
        found = [self._comparison()]
        while self.take("name", "and"):
            found.append(self._comparison())
        return found

    def _comparison(self) -> Where:
        path: list[str | int] = []
        for step in self.path():
            if not isinstance(step, str | int):
                raise PathError('select compares one field of each item, such as select(.name == "app")')
            path.append(step)
        self.need("sign", "==")
        return Where(tuple(path), self._literal())

    def _bracket(self) -> Step:
        step: Step
        if self.take("sign", "]"):
            return EACH
        if quoted := self.take("string"):
            step = _string(quoted)
        elif number := self.take("number"):
            step = int(number)
        else:
            raise PathError('in brackets stands nothing, an index, or a name in double quotes: [], [0], ["a/b"]')
        self.need("sign", "]")
        return step

    def _literal(self) -> str | int | bool | None:
        if quoted := self.take("string"):
            return _string(quoted)
        if number := self.take("number"):
            return int(number)
        if (word := self.take("name")) in _WORDS:
            value: bool | None = _WORDS[word]
            return value
        raise PathError("select compares with a text in double quotes, a whole number, true, false or null")


def _string(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        raise PathError(f"{quoted[:40]} is no text as JSON has it") from None
