"""`${variable}` and its bash-like forms in one string, as Flux evaluates them (its fork of drone/envsubst).

    ${v}  ${v:=d} ${v:-d} ${v=d}  ${#v}  ${v^} ${v^^} ${v,} ${v,,}  ${v:2} ${v:2:3}
    ${v#p} ${v##p} ${v%p} ${v%%p}  ${v/a/b} ${v//a/b} ${v/#a/b} ${v/%a/b}     $${v} stands for ${v}

`$v` without braces is left alone. Work is linear in the size of text and values: both may come from a stranger.
"""

import re
from collections.abc import Callable, Mapping

__all__ = ["ExpressionError", "evaluate"]

_DEEPEST = 20  # expressions within expressions
_DEFAULTS = frozenset((":=", ":-", ":?", ":+", "="))
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}")


class ExpressionError(ValueError):
    """The text holds a broken expression, or names a variable that nobody defines."""


def evaluate(text: str, variables: Mapping[str, str], *, strict: bool) -> str:
    """Put the values of variables into a text.

    strict: a variable that is not defined, and has no default, is an error; else it is empty.
    Raises ExpressionError.
    """
    return _Reader(text, variables, strict).text()


class _Reader:
    """A position in a text; evaluates as it reads."""

    def __init__(self, text: str, variables: Mapping[str, str], strict: bool) -> None:
        self._text, self._variables, self._strict = text, variables, strict
        self._at = 0
        self._depth = 0

    def text(self) -> str:
        """The whole text, evaluated."""
        out: list[str] = []
        while self._at < len(self._text):
            next_dollar = self._text.find("$", self._at)
            if next_dollar < 0:
                out.append(self._text[self._at :])
                break
            out.append(self._text[self._at : next_dollar])
            self._at = next_dollar
            if self._ahead("$$"):
                out.append("$")
                self._at += 2
            elif self._ahead("${"):
                out.append(self._expression())
            else:
                out.append("$")
                self._at += 1
        return "".join(out)

    def _ahead(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _run(self, accepted: Callable[[str], bool], most: int | None = None) -> str:
        """Read characters as long as they are accepted."""
        start = end = self._at
        last = len(self._text) if most is None else min(len(self._text), start + most)
        while end < last and accepted(self._text[end]):
            end += 1
        self._at = end
        return self._text[start:end]

    def _close(self) -> None:
        if self._peek() != "}":
            raise ExpressionError("bad substitution: a } is missing" if not self._peek() else "bad substitution")
        self._at += 1

    def _expression(self) -> str:
        self._at += 2
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"expressions nested more than {_DEEPEST} deep")
        value = self._braced()
        self._depth -= 1
        return value

    def _braced(self) -> str:
        if self._peek() == "#":
            self._at += 1
            name = self._name("bad substitution")
            self._close()
            return str(len(self._value(name).encode()))  # bytes, as Go counts
        name = self._name("unable to parse variable name")
        match self._peek():
            case ":" if self._text[self._at + 1 : self._at + 2] in ("=", "-", "?", "+"):
                return self._default(name, 2)
            case ":":
                return self._part(name)
            case "=":
                return self._default(name, 1)
            case "," | "^":
                return self._case(name)
            case "/":
                return self._replaced(name)
            case "#" | "%":
                return self._trimmed(name)
            case "}":
                self._at += 1
                return self._value(name)
        raise ExpressionError("missing closing brace")

    def _name(self, otherwise: str) -> str:
        name = self._run(lambda char: char.isalpha() or char.isdecimal() or char == "_")
        if not name:
            raise ExpressionError(otherwise)
        return name

    def _value(self, name: str) -> str:
        value = self._variables.get(name)
        if value is None and self._strict:
            raise ExpressionError(f'variable not set: "{name}"')
        return value or ""

    def _parameter(self, ends: str, *, escapes: bool = False) -> str:
        """One argument: another expression, or at least one character up to one of the ends (or to another expression)."""
        if self._ahead("${"):
            return self._expression()
        out: list[str] = []
        while (char := self._peek()) and not self._ahead("${"):
            if escapes and (self._ahead("$$") or self._ahead("\\/") or self._ahead("\\\\")):
                char = self._text[self._at + 1]
                self._at += 1
            elif char in ends:
                break
            out.append(char)
            self._at += 1
        if not out:
            raise ExpressionError("unable to parse substitution within function")
        return "".join(out)

    def _default(self, name: str, width: int) -> str:
        self._at += width
        parts: list[str] = []
        while self._peek() != "}":
            parts.append(self._parameter("}"))
        self._at += 1
        return self._variables.get(name) or "".join(parts)

    def _part(self, name: str) -> str:
        self._at += 1
        start = self._parameter(":}")
        length: str | None = None
        if self._peek() == "}":
            self._at += 1
        elif self._run(lambda char: char == ":"):
            length = self._parameter("}")
            self._close()
        else:
            raise ExpressionError("bad substitution")
        return _slice(self._value(name), start, length)

    def _case(self, name: str) -> str:
        how = self._run(lambda char: char in ",^", 2)
        self._close()
        value = self._value(name)
        match how:
            case ",":
                return value[:1].lower() + value[1:]
            case ",,":
                return value.lower()
            case "^":
                return value[:1].upper() + value[1:]
            case "^^":
                return value.upper()
        return value

    def _replaced(self, name: str) -> str:
        self._at += 1
        how = self._run(lambda char: char in "/#%", 1)
        old = self._parameter("/", escapes=True)
        if not self._run(lambda char: char == "/"):
            raise ExpressionError("bad substitution")
        new = None if self._peek() == "}" else self._parameter("}", escapes=True)
        self._close()
        value = self._value(name)
        match how:
            case "":
                return value.replace(old, new or "", 1)
            case "/":
                return value.replace(old, new or "")
            case "#":
                return new + value.removeprefix(old) if new is not None and value.startswith(old) else value
        return value.removesuffix(old) + new if new is not None and value.endswith(old) else value

    def _trimmed(self, name: str) -> str:
        sign = self._peek()
        how = self._run(lambda char: char == sign, 2)
        pattern = self._parameter("}")
        self._close()
        value = self._value(name)
        longest = len(how) == 2
        if sign == "#":
            return value[_matching_prefix(pattern, value, longest) :]
        backwards = value[::-1]
        return backwards[_matching_prefix(pattern[::-1], backwards, longest) :][::-1]


def _slice(value: str, start: str, length: str | None) -> str:
    """A part by byte positions. What is no number leaves the value whole, as in bash."""
    if not _NUMBER.fullmatch(start) or (length is not None and not _NUMBER.fullmatch(length)):
        return value
    data = value.encode()
    first = _offset(start, data)
    end = len(data) if length is None else min(first + int(length), len(data))
    if end < first < len(data):
        raise ExpressionError("a part with a negative length")
    return data[first:end].decode("utf-8", "replace")


def _offset(text: str, data: bytes) -> int:
    number = int(text)
    return max(0, len(data) + number) if number < 0 else number


def _matching_prefix(pattern: str, value: str, longest: bool) -> int:
    """How many characters of value a glob matches from its beginning; 0 for none.

    The pattern's pieces between stars are found from left to right, each at the first place that fits; that is the shortest
    match, and for the longest only the last piece has to move to the last place that fits.
    """
    try:
        pieces = _pieces(pattern)
    except ValueError:  # a malformed pattern matches nothing
        return 0
    head, stars = pieces[0], pieces[1:]
    at = 0
    if head is not None:
        found = head.match(value)
        if found is None:
            return 0
        at = found.end()
    for number, piece in enumerate(stars):
        last = number == len(stars) - 1
        if piece is None:  # a star at the end
            return len(value) if longest else max(at, min(1, len(value)))
        starts = range(len(value), at - 1, -1) if longest and last else range(at, len(value) + 1)
        at = next((end for start in starts if (end := _end(piece, value, start)) is not None), -1)
        if at < 0:
            return 0
    return at


def _end(piece: re.Pattern[str], value: str, start: int) -> int | None:
    found = piece.match(value, start)
    return found.end() if found else None


def _pieces(pattern: str) -> list[re.Pattern[str] | None]:
    """What stands before the first star and after each run of stars, as expressions without repetition; None = nothing."""
    pieces: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            if at < 2 or pattern[at - 2] != "*" or pieces[-1]:
                pieces.append([])
        elif char == "?":
            pieces[-1].append(".")
        elif char == "[":
            expression, at = _class(pattern, at)
            pieces[-1].append(expression)
        elif char == "\\":
            if at == len(pattern):
                raise ValueError("nothing after a backslash")
            pieces[-1].append(re.escape(pattern[at]))
            at += 1
        else:
            pieces[-1].append(re.escape(char))
    return [re.compile("".join(piece), re.DOTALL) if piece else None for piece in pieces]


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A character class after its `[`; returns an expression and the position after its `]`. ValueError if malformed."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    first = True
    while first or pattern[at : at + 1] != "]":
        first = False
        low, at = _member(pattern, at)
        high = low
        if pattern[at] == "-":
            high, at = _member(pattern, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    inside = "".join(ranges)
    if not inside:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at : at + 1]
    if char in ("", "-", "]"):
        raise ValueError("malformed class")
    if char == "\\":
        at += 1
        char = pattern[at : at + 1]
    if not char or at + 1 >= len(pattern):
        raise ValueError("malformed class")
    return char, at + 1
