"""One YAML scalar -> one value, by the rules of sigs.k8s.io/yaml (what kubectl reads).

The rules differ from YAML 1.1 as PyYAML knows it and from YAML 1.2: y/n/yes/no/on/off are booleans, `0755` and `0o755`
are octal, `1e3` is a number, `1:30` and dates are strings. A number ends as JSON would carry it: `1.0` is the integer 1,
because between YAML and the API server stands JSON, which writes 1.

Used by the loader (controlplane.render.yaml) and by substitution, which reads a changed string as a plain scalar again.
"""

import binascii
import codecs
import math
import re
import struct
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

__all__ = ["ScalarError", "from_tagged", "key_text", "plain", "raw_key"]

_INT64_MIN = -(1 << 63)
_INT64_MAX = (1 << 63) - 1
_UINT64_MAX = (1 << 64) - 1
_MOST_DIGITS = 67  # "-0b" and 64 digits fit; longer texts are no 64-bit integer in any base and int() on them is slow
_TAG = "tag:yaml.org,2002:"

_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
for _text in ("y", "yes", "true", "on"):
    _WORDS |= dict.fromkeys((_text, _text.capitalize(), _text.upper()), True)
for _text in ("n", "no", "false", "off"):
    _WORDS |= dict.fromkeys((_text, _text.capitalize(), _text.upper()), False)
for _text in (".nan", ".NaN", ".NAN"):
    _WORDS[_text] = math.nan
for _text in (".inf", ".Inf", ".INF"):
    _WORDS |= {_text: math.inf, f"+{_text}": math.inf, f"-{_text}": -math.inf}

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_POINT_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_INTS: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"[-+]?0[0-7]+"), 8),
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[oO][0-7]+"), 8),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
)
_NUMBER_START = frozenset("+-.0123456789")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2}))"
    r"|(?: ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?))?"
)


class ScalarError(ValueError):
    """A scalar that has no JSON value, or does not fit its tag. The message names the text."""


def plain(text: str) -> Any:
    """The value of an unquoted, untagged scalar: None, bool, int, float or str.

    Integers lie within -2^63 .. 2^64-1 and floats are not whole numbers, or are at least 2^63 in size.
    Raises ScalarError for .nan and .inf, which JSON cannot carry.
    """
    if text in _WORDS:
        return _json_number(_WORDS[text], text)
    if text[0] not in _NUMBER_START:
        return text
    number = _number(text)
    return text if number is None else _json_number(number, text)


def from_tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit tag (its long form). A tag that nobody knows leaves the text a string.

    Raises ScalarError where the text is no value of the tag's type, as in `!!int abc`.
    """
    short = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    read = _TAGGED.get(short)
    return text if read is None else read(text)


def key_text(key: object) -> str:
    """A mapping's key as JSON has it: a string. `on: x` has the key "true", `1.0: x` the key "1".

    Raises ScalarError for null, for integers over 2^63-1 and for collections.
    """
    if isinstance(key, str):
        return key
    if key is True:
        return "true"
    if key is False:
        return "false"
    if isinstance(key, int) and key <= _INT64_MAX:
        return str(key)
    if isinstance(key, float):
        return _float32_text(key)
    if isinstance(key, dict | list):
        raise ScalarError("a mapping or a list cannot be a key")
    raise ScalarError(f"{'null' if key is None else key} cannot be a key")


def raw_key(text: str) -> str:
    """The key for an unquoted scalar. Differs from `plain` in that floats keep being floats and infinities are let through."""
    if text in _WORDS:
        word = _WORDS[text]
        return text.lower().lstrip("+") if isinstance(word, float) else key_text(word)
    if text[0] not in _NUMBER_START:
        return text
    number = _number(text)
    return text if number is None else key_text(number)


def _number(text: str) -> int | float | None:
    """What Go's ParseInt (base 0), ParseUint and ParseFloat make of it, in this order; None = no number."""
    if text[0] == ".":  # here go-yaml leaves underscores to ParseFloat, which wants digits on both sides
        return _finite(text.replace("_", "")) if _POINT_FLOAT.fullmatch(text) else None
    digits = text.replace("_", "")
    if len(digits) <= _MOST_DIGITS:
        for pattern, base in _INTS:
            if pattern.fullmatch(digits):
                if base == 10 and len(digits.lstrip("+-")) > 1 and digits.lstrip("+-")[0] == "0":
                    break  # 08 and 09 are no octal numbers, so they are read as floats
                value = int(digits, base)
                if _INT64_MIN <= value <= _INT64_MAX or (digits[0] not in "+-" and value <= _UINT64_MAX):
                    return value
                break
    return _finite(digits) if _FLOAT.fullmatch(digits) else None


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None  # out of range is an error to Go, so the text stays a string


def _json_number(value: Any, text: str) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ScalarError(f"{text} has no JSON value")
        if value.is_integer() and abs(value) <= _INT64_MAX:
            whole = int(Decimal(repr(value)))  # the shortest digits, as JSON has them, not all that the float holds
            return whole if _INT64_MIN <= whole <= _INT64_MAX else value
    return value


def _float32_text(value: float) -> str:
    """A float key's text, as encoding/json's 32-bit shortest form writes it (sigs.k8s.io/yaml does so for keys)."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
    wanted = _float32(value)
    if not math.isfinite(wanted):
        return _float32_text(wanted)
    digits = next(p for p in range(17) if _float32(float(f"{wanted:.{p}e}")) == wanted)
    mantissa, _, exponent = f"{wanted:.{digits}e}".partition("e")
    power = int(exponent)
    if power < -4 or power >= 6:  # where Go's %g turns to exponents when it writes the fewest digits
        return f"{mantissa}e{exponent}"
    return f"{float(f'{mantissa}e{power}'):.{max(digits - power, 0)}f}"


def _float32(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _tagged_binary(text: str) -> str:
    try:
        data = binascii.a2b_base64(text.replace("\n", "").replace("\r", ""), strict_mode=True)
    except (binascii.Error, ValueError) as err:
        raise ScalarError("a !!binary value holds no valid base64") from err
    return data.decode("utf-8", "controlplane-each-byte")


def _each_byte(err: UnicodeError) -> tuple[str, int]:
    """Go puts one replacement character for each invalid byte, Python one for a run."""
    if not isinstance(err, UnicodeDecodeError):
        raise err
    return "\ufffd" * (err.end - err.start), err.end


codecs.register_error("controlplane-each-byte", _each_byte)


def _of_type(name: str, *types: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value: Any = _WORDS[text] if text in _WORDS else text
        if value and text[0] in _NUMBER_START and isinstance(value, str):
            number = _number(text)
            value = text if number is None else number
        if type(value) not in types or (name == "float" and isinstance(value, int) and value > _INT64_MAX):
            raise ScalarError(f"{text!r} is no !!{name}")
        return _json_number(float(value) if name == "float" else value, text)

    return read


def _tagged_timestamp(text: str) -> str:
    match = _TIMESTAMP.fullmatch(text)
    try:
        if match:
            datetime(*(int(part) for part in match.groups() if part is not None))  # type: ignore[arg-type]  # 3 or 6 parts
            return text
    except ValueError:
        pass
    raise ScalarError(f"{text!r} is no !!timestamp")


_TAGGED: dict[str, Callable[[str], Any]] = {
    "str": str,
    "binary": _tagged_binary,
    "bool": _of_type("bool", bool),
    "int": _of_type("int", int),
    "float": _of_type("float", int, float),
    "null": _of_type("null", type(None)),
    "timestamp": _tagged_timestamp,
}
