"""The git program, run with nothing of ours but what it needs: no user's configuration, no prompts, one address.

Credentials go by the environment of that one process, never by its arguments or its files, and never into a message.
"""

import asyncio
import base64
import os
import re
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.source.errors import (
    AuthenticationFailed,
    FetchFailed,
    RefNotFound,
    RepositoryNotFound,
    SourceError,
    Timeout,
    TooLarge,
    Unreachable,
    UrlDenied,
)
from controlplane.source.url import GitUrl

__all__ = ["TOO_LARGE", "Credentials", "MirrorDamaged", "Outcome", "environment", "explain", "run_git"]

TOO_LARGE = "the repository is larger than the hub's setting git.maxBytes allows"
_MOST_OUTPUT = 64 * 1024
_LOOK_S = 0.1  # between two looks at the size of what is being fetched
_PASSED_ON = (  # what the platform team may set for the hub's process, for its network
    "GIT_SSL_CAINFO", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE", "https_proxy", "http_proxy",
    "no_proxy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a Git server: a token (sent as Bearer), or username and password."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def header(self) -> str:
        """The HTTP header that carries them. Raises AuthenticationFailed for what could add another header."""
        token = self.token.strip()  # a Secret made from a file ends with a line break that nobody means
        if any(char in token for char in "\n\r\0"):
            raise AuthenticationFailed("the token in secretRef holds a line break")
        basic = _base64(f"{self.username.strip()}:{self.password.rstrip(chr(10) + chr(13))}")
        return f"Authorization: Bearer {token}" if token else f"Authorization: Basic {basic}"

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear anywhere, longest first."""
        found = {self.token.strip(), self.password, self.password.strip(), self.header.split(" ", 2)[2]}
        return tuple(sorted((text for text in found if text), key=len, reverse=True))


class MirrorDamaged(SourceError):
    """Our own copy cannot be read; it is thrown away and fetched again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a git process ended: its code, and the beginnings of what it printed."""

    code: int
    out: str
    err: str


def environment(url: GitUrl, credentials: Credentials | None, resolved: Sequence[str] = ()) -> dict[str, str]:
    """All variables of a git process that may talk to one address.

    resolved: IP addresses that the host was found to have and that were allowed; git connects to these and asks no
    resolver again, which could answer otherwise.
    """
    config = {
        "core.fsync": "none",  # a mirror is a cache: what a crash damages is fetched again
        "core.hooksPath": os.devnull,
        "credential.helper": "",
        "fetch.fsckObjects": "false",
        "fetch.unpackLimit": "1",  # everything stays in packs, so that one folder tells the size
        "fetch.writeCommitGraph": "false",
        "gc.auto": "0",
        "http.followRedirects": "false",
        "http.lowSpeedLimit": "1",  # bytes a second, over the time below: a server that says nothing more
        "http.lowSpeedTime": "30",
        "maintenance.auto": "false",
        "protocol.version": "2",
        "safe.directory": "*",
    }
    if credentials is not None and url.scheme in ("http", "https"):
        config[f"http.{url}.extraHeader"] = credentials.header
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if resolved and not any(name.lower().endswith("_proxy") for name in passed_on):
        listed = ",".join(f"[{address}]" if ":" in address else address for address in resolved)
        config["http.curloptResolve"] = f"{url.host}:{url.port}:{listed}"
    variables = {
        "GIT_ALLOW_PROTOCOL": url.scheme,
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_COUNT": str(len(config)),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": os.devnull,
        "LC_ALL": "C",
        "PATH": os.environ.get("PATH", os.defpath),
    }
    for number, (name, value) in enumerate(config.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = name
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables | passed_on


async def run_git(
    arguments: Sequence[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
    timeout_s: float,
    too_large: Callable[[], bool],
) -> Outcome:
    """Run git in a bare repository until it ends, or until it must be ended, with everything that it started.

    too_large: asked ten times a second. Raises Timeout, TooLarge, FetchFailed (no git program).
    """
    program = shutil.which("git", path=variables["PATH"])
    if program is None:
        raise FetchFailed("there is no git program on the hub's PATH")
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        cwd=folder,
        env=dict(variables),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    oversized = False

    async def watch() -> None:
        nonlocal oversized
        while not oversized:
            await asyncio.sleep(_LOOK_S)
            oversized = too_large()
        _kill(process)

    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            watcher = group.create_task(watch(), name="size of a fetch")
            out = group.create_task(_beginning(process.stdout), name="stdout of git")
            err = group.create_task(_beginning(process.stderr), name="stderr of git")
            code = await process.wait()
            watcher.cancel()
    except TimeoutError as error:
        raise Timeout(f"no end after {timeout_s:g} s") from error
    finally:
        _kill(process)
        if process.returncode is None:
            await process.wait()
    if oversized or (code != 0 and too_large()):
        raise TooLarge(TOO_LARGE)
    return Outcome(code, out.result(), err.result())


async def _beginning(stream: asyncio.StreamReader | None) -> str:
    """The first part of a stream; the rest is read and let go, so that the writer does not stand still."""
    kept = b""
    while stream is not None and (chunk := await stream.read(_MOST_OUTPUT)):
        kept = (kept + chunk)[:_MOST_OUTPUT]
    return kept.decode("utf-8", "replace")


def _kill(process: Process) -> None:
    """End the process group. It outlives its first process where a child still runs, so it is always tried."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


_KNOWN: tuple[tuple[str, type[SourceError], str], ...] = (
    (r"couldn't find remote ref", RefNotFound, "the repository has no {ref}"),
    (r"not our ref|unadvertised object|no such remote ref", RefNotFound, "the repository has no {ref}, or does not give it out"),
    (r"returned error: 401|could not read (Username|Password)|Authentication failed", AuthenticationFailed,
     "the server wants credentials, or other ones: look at the Secret in secretRef"),
    (r"returned error: 403", AuthenticationFailed, "the server refuses these credentials (403): look at what they may read"),
    (r"repository '[^']*' not found|returned error: 404|does not appear to be a git repository",
     RepositoryNotFound, "the server has no such repository, or hides it from these credentials"),
    (r"returned error: 3\d\d|redirect", UrlDenied, "the server sends us to another URL, which is not followed: write that one"),
    (r"transport '\w+' not allowed", UrlDenied, "the URL's kind is not allowed"),
    (r"Could not resolve host", Unreachable, "the server's name cannot be resolved"),
    (r"certificate|SSL|TLS", Unreachable, "no secure connection: {err}"),
    (r"returned error: (429|5\d\d)", Unreachable, "the server is in trouble: {err}"),
    (r"not valid: is this a git repository", RepositoryNotFound, "there is something at this URL, but no Git repository"),
    (
        (r"Failed to connect|Connection (refused|reset|timed out)|unable to access|early EOF|RPC failed|hung up|too slow"
        r"|expected flush|Empty reply|unexpected disconnect|invalid server response"),
        Unreachable,
        "{err}",
    ),
    (r"bad object|unable to read|missing blob|loose object|packfile|\.lock'|bad config|shallow file|broken|corrupt",
     MirrorDamaged, "{err}"),
)  # fmt: skip


def explain(outcome: Outcome, ref: str, credentials: Credentials | None) -> SourceError:
    """What git's failure means to a person, without any secret.

    ref: what was asked for, as in "branch main".
    """
    text = outcome.err
    for secret in credentials.secrets() if credentials else ():
        text = text.replace(secret, "***")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "")
    err = re.sub(r"^(fatal|error|remote): ", "", first)[:500] or f"git ended with code {outcome.code}"
    for pattern, kind, message in _KNOWN:
        if re.search(pattern, text):
            return kind(message.format(ref=ref, err=err))
    return FetchFailed(err)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
