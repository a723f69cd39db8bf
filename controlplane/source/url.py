"""Git addresses: read, brought into one form, and judged, before anything matches them or connects to them.

What comes out is what policy matches and what git is given: there is no second reading that could differ.
"""

import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from controlplane.source.errors import UrlDenied

__all__ = ["GitUrl", "UrlPolicy", "check_address", "check_url", "matches", "parse_url"]

_SCHEMES = {"https": 443, "http": 80, "file": 0}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*+,;=:@/")
_LONGEST = 2048

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class GitUrl:
    """An address in its one form: `https://git.example.com/payments/deploy.git`."""

    scheme: str  # https, http or file
    host: str  # lower case, ASCII, no trailing dot; IPv4 as four decimals, IPv6 without brackets; "" for file
    port: int  # 0 for file
    path: str  # begins with a slash, ends with none; no empty, `.` or `..` part; only needless escapes undone

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _SCHEMES[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def address(self) -> _Address | None:
        """The host as an IP address, where it is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """What the hub's settings say about addresses.

    allow_insecure: globs of URLs that may be read by plain http, or from loopback and link-local addresses.
    allow_file: file:// too, for tests and laptops.
    """

    allow_insecure: tuple[str, ...] = ()
    allow_file: bool = False


def parse_url(text: str) -> GitUrl:
    """Bring an address into its one form. Raises UrlDenied, which says what is wrong with it."""
    if len(text) > _LONGEST:
        raise UrlDenied(f"the URL is longer than {_LONGEST} characters")
    if any(unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp") for char in text) or "\\" in text:
        raise UrlDenied("the URL holds a space, a backslash or a character that cannot be seen")
    match = _URL.fullmatch(text)
    if match is None:
        if "://" in text and ("?" in text or "#" in text):
            raise UrlDenied("a Git URL has no question mark and no #")
        raise UrlDenied("write the whole URL, as in https://git.example.com/team/repository.git")
    scheme, netloc, path = match[1].lower(), match[2], match[3]
    if scheme not in _SCHEMES:
        raise UrlDenied(f"{scheme}:// is not read: write https://")
    if "@" in netloc:
        raise UrlDenied("the URL names a user: put credentials into a Secret and name it in secretRef")
    if scheme == "file":
        if netloc:
            raise UrlDenied("a file URL names no host: file:///srv/repository.git")
        return GitUrl(scheme, "", 0, _path(path))
    host, port = _host_and_port(netloc, _SCHEMES[scheme])
    return GitUrl(scheme, host, port, _path(path))


def check_url(text: str, policy: UrlPolicy) -> GitUrl:
    """Parse an address and refuse it where this hub does not read it. Raises UrlDenied."""
    url = parse_url(text)
    if url.scheme == "file":
        if not policy.allow_file:
            raise UrlDenied("file:// is not read: write https://")
        return url
    if any(matches(pattern, str(url)) for pattern in policy.allow_insecure):
        return url
    if url.scheme == "http":
        raise UrlDenied(
            "plain http is not read: write https://, or list the URL in the hub's setting git.allowInsecure"
        )
    if url.host == "localhost" or url.host.endswith(".localhost") or (url.address and _is_near(url.address)):
        raise UrlDenied(
            f"{url.host} is the hub's own machine or link: list the URL in the hub's setting git.allowInsecure"
        )
    return url


def check_address(url: GitUrl, address: str, policy: UrlPolicy) -> None:
    """Refuse what a host name stands for, once it is resolved: a name must not lead where an address may not.

    address: an IP address as the resolver gave it. Raises UrlDenied.
    """
    if any(matches(pattern, str(url)) for pattern in policy.allow_insecure):
        return
    if _is_near(ipaddress.ip_address(address.partition("%")[0])):
        raise UrlDenied(f"{url.host} leads to {address}, the hub's own machine or link, which is not read")


def matches(pattern: str, text: str) -> bool:
    """A glob over a URL: `*` is any text without a slash, `**` any text, everything else itself."""
    expression = "".join(
        ".*" if part == "**" else "[^/]*" if part == "*" else re.escape(part)
        for part in re.split(r"(\*\*+|\*)", re.sub(r"\*\*+", "**", pattern))
    )
    return re.fullmatch(expression, text) is not None


def _host_and_port(netloc: str, default_port: int) -> tuple[str, int]:
    if netloc.startswith("["):
        literal, bracket, rest = netloc[1:].partition("]")
        try:
            address: _Address = ipaddress.IPv6Address(literal)
        except ValueError as err:
            raise UrlDenied(f"[{literal}] is no IPv6 address") from err
        if not bracket or "%" in literal:
            raise UrlDenied(f"{netloc} is no host")
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return str(address), _port(rest, default_port)
    host, colon, port = netloc.partition(":")
    return _host(host), _port(colon + port, default_port)


def _port(text: str, default: int) -> int:
    if text in ("", ":"):
        return default
    if not re.fullmatch(r":[0-9]{1,5}", text) or not 0 < int(text[1:]) < 65536:
        raise UrlDenied(f"{text.removeprefix(':')} is no port")
    return int(text[1:])


def _host(text: str) -> str:
    try:
        host = unquote_to_bytes(text).decode("utf-8").encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as err:
        raise UrlDenied(f"{text} is no host name") from err
    if not _HOST.fullmatch(host) or ".." in host:
        raise UrlDenied(f"{text or 'an empty host'} is no host name")
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}", host):
        # Four decimals are what people write; the C library also takes 127.1, 2130706433, 0x7f.1 and 0177.0.0.1.
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError as err:
            raise UrlDenied(f"{text} is no address") from err
    return host


def _path(text: str) -> str:
    out = []
    for part in text.split("/"):
        if re.search(r"%(?![0-9A-Fa-f]{2})", part):
            raise UrlDenied("the URL's path holds a % that begins no escape")
        raw = unquote_to_bytes(part)
        if raw in (b".", b".."):
            raise UrlDenied("the URL's path holds . or .. : write the path that is meant")
        if any(byte < 0x20 or byte in b"/\\\x7f" for byte in raw):
            raise UrlDenied("the URL's path holds an escaped slash, backslash or control character")
        if raw:
            out.append("".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw))
    if not out:
        raise UrlDenied("the URL names a server and no repository")
    return "/" + "/".join(out)


def _is_near(address: _Address) -> bool:
    """Loopback, link-local, unspecified, multicast and clouds' metadata services, also wrapped into IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _is_near(inner)
        if address in _METADATA:
            return True
    return address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA = frozenset({ipaddress.IPv6Address("fd00:ec2::254")})
