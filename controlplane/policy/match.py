"""How the object of a request is matched against the object of a rule: globs, and Git URLs in one normal form.

Casbin's matcher calls Patterns.matches() as `matches(resource, object, pattern)`. A URL is matched in its normal form
only, so that no second spelling of an address passes by a rule.
"""

import re
from collections import defaultdict
from functools import cached_property, lru_cache

__all__ = ["Glob", "Patterns", "UrlError", "glob_expression", "normal_pattern", "normal_url"]

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_URL = re.compile(r"(?P<scheme>https|http|ssh|file)://(?P<host>[^/]*)(?P<path>/.*)?", re.IGNORECASE)
_HOST = re.compile(r"(?P<name>[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])\.?(:(?P<port>[0-9]{1,5}))?")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:%-]+)*")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})?")
# An octet that need not be encoded, or that a server could take for structure, has no business in encoded form.
_DISGUISED = re.compile(r"[A-Za-z0-9._~/\\%\x00-\x1f\x7f-]")


_STARS, _STARS_KEPT = re.compile(r"\*+"), re.compile(r"(\*+)")
_FEW_STARS = 2  # with two, the tries grow as the square of a text's length, which is bounded


class UrlError(ValueError):
    """An address that is no plain Git URL. Says why, never the address: it could hold a credential."""


class Glob:
    """Alternatives separated by `|`; in each, `*` is any text without a slash and `**` any text. Nothing else is special.

    An alternative with many stars is not given to `re`, which would try each way to share a text out among them: it is followed
    through the text once, with all the places in it at which one can be.
    """

    def __init__(self, text: str) -> None:
        alternatives = text.split("|")
        self._exact = frozenset(each for each in alternatives if "*" not in each)
        self._wild = tuple(each for each in alternatives if 0 < len(_STARS.findall(each)) <= _FEW_STARS)
        self._starry = tuple(_Places(each) for each in alternatives if len(_STARS.findall(each)) > _FEW_STARS)

    @cached_property
    def _expression(self) -> re.Pattern[str] | None:
        if not self._wild:
            return None
        return re.compile("|".join(map(glob_expression, self._wild)), re.DOTALL)

    def matches(self, value: str) -> bool:
        """Whether the whole value fits one of the alternatives."""
        if value in self._exact:
            return True
        expression = self._expression
        if expression is not None and expression.fullmatch(value) is not None:
            return True
        return any(each.lead_through(value) for each in self._starry)


class _Places:
    """One alternative as a row of places, a bit each: before its first sign, …, behind its last one."""

    def __init__(self, text: str) -> None:
        self._signs: dict[str, int] = defaultdict(int)  # sign -> the places before it
        self._within = self._anywhere = 0  # the places at a star, which hold on to what comes
        place = 1
        for piece in _STARS_KEPT.split(text):
            if piece.startswith("*"):
                self._anywhere |= place if len(piece) > 1 else 0
                self._within |= place if len(piece) == 1 else 0
                place <<= 1
                continue
            for sign in piece:
                self._signs[sign] |= place
                place <<= 1
        self._end = place

    def lead_through(self, value: str) -> bool:
        """Whether one comes from the first place to the last by the whole of a text."""
        stars = self._within | self._anywhere  # no two stand side by side: a run of them is one
        at = 1 | (1 & stars) << 1
        for sign in value:
            at = (at & self._signs.get(sign, 0)) << 1 | at & self._anywhere | (0 if sign == "/" else at & self._within)
            at |= (at & stars) << 1
        return bool(at & self._end)


class Patterns:
    """The globs of one enforcer's rules, each compiled once; they go when the enforcer goes."""

    def __init__(self) -> None:
        self._globs: dict[tuple[str, str], Glob] = {}

    def matches(self, resource: str, value: str, pattern: str) -> bool:
        """Whether a rule's object covers a request's object."""
        glob = self._globs.get((resource, pattern))
        if glob is None:
            normal = normal_pattern(pattern) if resource == "sources" else pattern
            glob = self._globs[resource, pattern] = Glob(normal)
        return glob.matches(value)


@lru_cache(maxsize=4096)  # a Repository's URL comes again with each delivery from it
def normal_url(url: str) -> str:
    """The one spelling of a Git URL: lower-case scheme and host, no default port, no trailing slash, no `.git`.

    The path keeps its case: hosts that ignore it are a few, and the other way round a rule would cover too much.
    Raises UrlError for anything that is not plainly scheme://host[:port]/path: user information, query, fragment, empty
    or dotted path parts, encoded octets that hide structure.
    """
    if len(url) > 1024 or (parts := _URL.fullmatch(url)) is None:
        raise UrlError("not a URL of the form https://host/path")
    scheme, path = parts["scheme"].lower(), parts["path"] or ""
    if "@" in parts["host"]:
        raise UrlError("the URL names a user: put credentials into the Repository's secretRef")
    host = _normal_host(scheme, parts["host"])
    path = _without_suffix(path)
    if not path or _PATH.fullmatch(path) is None:
        raise UrlError("the URL's path is empty, or holds a character or an empty part that a Git URL has no use for")
    if any(part in (".", "..") for part in path.split("/")):
        raise UrlError("the URL's path holds . or ..")
    for encoded in _ENCODED.finditer(path):
        if encoded[1] is None or _DISGUISED.fullmatch(chr(int(encoded[1], 16))):
            raise UrlError("the URL's path hides a character behind a percent sign")
    return f"{scheme}://{host}{_ENCODED.sub(lambda found: found[0].upper(), path)}"


def normal_pattern(pattern: str) -> str:
    """A glob over URLs, spelt so that it can match normal URLs; what holds no scheme, such as `**`, stays as it is."""
    return "|".join(map(_normal_glob, pattern.split("|")))


def _normal_glob(glob: str) -> str:
    scheme, separator, rest = glob.partition("://")
    if not separator:
        return glob
    host, slash, path = rest.partition("/")
    scheme, host = scheme.lower(), host.lower()
    if (port := _DEFAULT_PORTS.get(scheme)) is not None:
        host = host.removesuffix(f":{port}")
    return f"{scheme}://{host}{slash}{_without_suffix(path)}"


def _without_suffix(path: str) -> str:
    path = path.removesuffix("/")
    while path.endswith(".git"):  # all of them, so that the normal form of a normal form is itself
        path = path.removesuffix(".git")
    return path


def _normal_host(scheme: str, text: str) -> str:
    if scheme == "file":
        if text:
            raise UrlError("a file URL names no host")
        return ""
    host = _HOST.fullmatch(text)
    if host is None:
        raise UrlError("the URL's host is not a plain name or address")
    name = host["name"].lower()
    if host["port"] is None or int(host["port"]) == _DEFAULT_PORTS[scheme]:
        return name
    return f"{name}:{int(host['port'])}"


def glob_expression(glob: str) -> str:
    """One alternative of a Glob as a regular expression, for DOTALL; RE2 reads it as Python does."""
    pieces = _STARS_KEPT.split(glob)
    return "".join(
        (".*" if len(piece) > 1 else "[^/]*") if piece.startswith("*") else re.escape(piece) for piece in pieces
    )
