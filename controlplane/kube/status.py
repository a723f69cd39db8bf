"""From an API server's refusal to a typed error. A pure function of the answer, so that each case is one line of a table.

API servers quote the value that they refuse: of an immutable pod template that is the whole template, with the values of
its environment. So messages are put together anew from the causes: values are kept only where they are short scalars, and
never for Secrets.
"""

import re
from collections.abc import Mapping
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

from controlplane.kube.errors import (
    BadRequest,
    Cause,
    Conflict,
    FieldConflict,
    Forbidden,
    Gone,
    Internal,
    Invalid,
    KubeError,
    NotFound,
    ServerTimeout,
    TooLarge,
    TooManyRequests,
    Unauthorized,
)  # fmt: skip
from controlplane.kube.resource import Resource

__all__ = ["error_from_answer", "error_from_status"]

_MESSAGE_CHARACTERS = 2000  # enough for a dozen causes; conditions are bounded anyway
_VALUE_CHARACTERS = 80
_CONFLICT_MANAGER = re.compile(r'^conflict with ("(?:[^"\\]|\\.)*")')
# "Invalid value: VALUE: why": the value is Go-quoted text, JSON or %v, and may itself hold ": "
_QUOTED_VALUE = re.compile(r"\b(Invalid value|Unsupported value|Duplicate value|Too long|Too many): ")
_SCALAR = re.compile(
    r'"(?:[^"\\]|\\.)*"|[\w.+ -]*'
)  # unquoted: numbers, booleans, and a sentence where there is no value
_UNTYPED_VALUE = re.compile(
    r"&?value\.value\w+\{.*\}", re.DOTALL
)  # structured-merge-diff prints what it could not type
# How validation says that a field cannot change. Only "field is immutable" is one sentence of the library; the others are
# StatefulSet and PVC ("updates to ... are forbidden"), Pod, roleRef, Service, PriorityClass.
_IMMUTABLE = re.compile(
    r"immutable|cannot change roleRef|may not change|may not be changed|cannot be changed|can not be changed"
    r"|updates to .{0,400}forbidden|can ?not be unset",
    re.IGNORECASE | re.DOTALL,
)
# Server-side apply answers 500 to an object that does not fit its schema (measured on 1.37.2); no retry can help.
_UNREADABLE = re.compile(r"failed to create typed patch object|failed to convert new object")
_SAFE_OF_SECRET = re.compile(
    r"\.[\w.\[\]-]{1,120}: (?:field not declared in schema|expected \w+)"
    r"|illegal base64 data at input byte \d+"
    r"|strict decoding error: unknown field \"[\w.\[\]]{1,80}\""
    r"|field is immutable[ \w`.]{0,60}|Required value"
)
_WITHHELD = "the server's text is withheld, since it may hold a value of the Secret"


def error_from_answer(
    status: int, body: bytes, *, retry_after: str = "", resource: Resource | None = None, request: str = ""
) -> KubeError:
    """The error for an answer whose HTTP status is 400 or more.

    body: a Status object, or anything else (a proxy's page), of which only the beginning is shown.
    retry_after: the header's text; API servers write whole seconds, any other form is left alone.
    request: what was asked, for answers that do not say ("PATCH /api/v1/...", without query and body).
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    wait_s = float(retry_after) if retry_after.isdigit() else None
    if isinstance(answer, dict) and answer.get("kind") == "Status":
        return error_from_status(answer, status=status, retry_after_s=wait_s, resource=resource)
    shown = body[:200].decode(errors="replace").strip()
    if _is_secret(resource):
        shown = _WITHHELD
    message = f"{request}: HTTP {status}: {shown}".removeprefix(": ")
    if status == 404:  # only the address is unknown, else a Status would have come
        return NotFound(status, "NotFound", message, kind_missing=True)
    return _typed(status, "", message, {}, (), wait_s, resource)


def error_from_status(
    answer: Mapping[str, Any],
    *,
    status: int = 0,
    retry_after_s: float | None = None,
    resource: Resource | None = None,
) -> KubeError:
    """The error for a Status object: an answer's body, or the object of a watch's ERROR event.

    status: the HTTP status, where there was one; else the object's code counts.
    """
    code = int(answer.get("code") or status or 500)
    reason = str(answer.get("reason") or "")
    raw = answer.get("details") or {}
    causes = tuple(
        Cause(str(c.get("reason") or ""), str(c.get("message") or ""), str(c.get("field") or ""))
        for c in raw.get("causes") or ()
    )
    details = {k: raw[k] for k in ("group", "kind", "name", "uid") if raw.get(k)}
    if retry_after_s is None and raw.get("retryAfterSeconds"):
        retry_after_s = float(raw["retryAfterSeconds"])
    return _typed(code, reason, str(answer.get("message") or ""), details, causes, retry_after_s, resource)


def _typed(
    status: int,
    reason: str,
    message: str,
    details: Mapping[str, Any],
    causes: tuple[Cause, ...],
    retry_after_s: float | None,
    resource: Resource | None,
) -> KubeError:
    said = message  # what the server said, for telling cases apart; never shown
    unreadable = status == 500 and _UNREADABLE.match(said) is not None
    secret = _is_secret(resource) or details.get("kind") in ("Secret", "secrets")
    causes = tuple(Cause(c.reason, _shown(c.message, secret=secret and status in (400, 422)), c.field) for c in causes)
    if status == 422 and causes:
        message = _of_causes(details, causes)
    elif status in (400, 422) or unreadable:
        message = _shown(message, secret=secret)
    args = (status, reason or _REASONS.get(status, ""), message[:_MESSAGE_CHARACTERS], details)
    more: dict[str, Any] = {"causes": causes, "retry_after_s": retry_after_s}
    match status:
        case 400:
            return BadRequest(*args, **more)
        case 401:
            return Unauthorized(*args, **more)
        case 403:
            return Forbidden(*args, **more)
        case 404:
            about_namespace = details.get("kind") == "namespaces" and (resource is None or resource.kind != "Namespace")
            no_kind = not details.get("name")
            return NotFound(*args, namespace_missing=about_namespace, kind_missing=no_kind, **more)
        case 409:
            return _conflict(args, said, more)
        case 410:
            return Gone(*args, **more)
        case 413:
            return TooLarge(*args, **more)
        case 422:
            if any(c.field == "metadata.uid" and "immutable" in c.message for c in causes):
                return Conflict(*args, uid_mismatch=True, **more)
            fields = (c.field for c in causes if _IMMUTABLE.search(c.message))
            return Invalid(*args, immutable=tuple(dict.fromkeys(fields)), **more)
        case 429:
            return TooManyRequests(*args, **more)
        case 504:
            future = any(c.reason == "ResourceVersionTooLarge" for c in causes) or "Too large resource" in said
            return ServerTimeout(*args, future_version=future, **more)
        case _ if unreadable:
            return BadRequest(*args, **more)
        case _ if status >= 500:
            if "etcdserver: request is too large" in said:  # between the server's limit (3 MiB) and etcd's (1.5 MiB)
                return TooLarge(*args, **more)
            return Internal(*args, **more)
        case _:
            return KubeError(*args, **more)


_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
            413: "RequestEntityTooLarge", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
            503: "ServiceUnavailable", 504: "Timeout"}  # fmt: skip


def _conflict(args: tuple[Any, ...], said: str, more: dict[str, Any]) -> Conflict:
    conflicts = tuple(
        FieldConflict(_manager(c.message), c.field) for c in more["causes"] if c.reason == "FieldManagerConflict"
    )
    absent = "uid mismatch" in said and "no existing object was found" in said
    uid = absent or "UID in precondition" in said or "UID in the precondition" in said
    return Conflict(
        *args, conflicts=conflicts, uid_mismatch=uid, absent=absent, already_exists=args[1] == "AlreadyExists", **more
    )


def _manager(message: str) -> str:
    """The name in `conflict with "kubectl" using apps/v1 at 2026-11-23T10:00:00Z`; the whole text if it has another form."""
    found = _CONFLICT_MANAGER.match(message)
    return str(orjson.loads(found[1])) if found else message.removeprefix("conflict with ")


def _is_secret(resource: Resource | None) -> bool:
    return resource is not None and resource.kind == "Secret" and not resource.group


def _of_causes(details: Mapping[str, Any], causes: tuple[Cause, ...]) -> str:
    """Validation's answer, built from its causes, whose texts are already safe to show."""
    kind = ".".join(filter(None, (details.get("kind"), details.get("group"))))
    name = f'{kind} "{details.get("name", "")}"' if kind else "the object"
    # the first line of each: after it, some validations print a diff of the object
    texts = ((c.field, c.message.partition("\n")[0]) for c in causes)
    each = dict.fromkeys(f"{field}: {text}" if field else text for field, text in texts)
    return f"{name} is invalid: {'; '.join(each)}"


def _shown(text: str, *, secret: bool) -> str:
    """A text of the server with the values taken out that are not short scalars; of a Secret, only known sentences."""
    if secret:
        return "; ".join(_SAFE_OF_SECRET.findall(text)) or _WITHHELD
    text = _UNTYPED_VALUE.sub("(value left out)", text)
    out, at = [], 0
    while found := _QUOTED_VALUE.search(text, at):
        end = _value_end(text, found.end())
        value = text[found.end() : end]
        keep = len(value) <= _VALUE_CHARACTERS and _SCALAR.fullmatch(value)
        out += [text[at : found.end()], value if keep else "(left out)"]
        at = end
    return "".join([*out, text[at:]])


_JSON = JSONDecoder()


def _value_end(text: str, start: int) -> int:
    """Where the value that begins at start ends: JSON and quoted text by their own rules, else at the last colon."""
    try:
        return _JSON.raw_decode(text, start)[1]
    except JSONDecodeError:
        end = text.rfind(": ", start)
        return end if end > 0 else len(text)
