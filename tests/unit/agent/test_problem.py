"""Every refusal becomes a reason that a person can act on."""

import pytest

from controlplane.agent.entry import Entry
from controlplane.agent.problem import Ends, Fault, fault_of, listed
from controlplane.api.keys import ObjectKey
from controlplane.kube.errors import (
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    Gone,
    Internal,
    Invalid,
    KubeError,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    UnknownKind,
    Unreachable,
)

KEY = ObjectKey("apps", "Deployment", "shop", "web")
KNOWN = Entry(uid="u", hash="h", print="f:1")


@pytest.mark.parametrize(
    ("error", "reason", "ends"),
    [
        (UnknownKind("x.dev", "Widget"), "UnknownKind", Ends.EVENT),
        (NotFound(404, "NotFound", "no page", kind_missing=True), "UnknownKind", Ends.EVENT),
        (NotFound(404, "NotFound", "no namespace", namespace_missing=True), "NamespaceMissing", Ends.EVENT),
        (
            Forbidden(403, "Forbidden", "no", causes=(Cause("NamespaceTerminating", "going"),)),
            "NamespaceTerminating",
            Ends.EVENT,
        ),
        (Forbidden(403, "Forbidden", 'User "x" cannot impersonate resource "y"'), "ImpersonationForbidden", Ends.RETRY),
        (Forbidden(403, "Forbidden", 'User "x" cannot patch resource "y"'), "Forbidden", Ends.PERSON),
        (Unauthorized(401, "Unauthorized", "who?"), "Unauthorized", Ends.RETRY),
        (
            Invalid(422, "Invalid", "spec.selector: immutable", immutable=("spec.selector",)),
            "ImmutableField",
            Ends.PERSON,
        ),
        (Invalid(422, "Invalid", "spec.x: bad"), "Invalid", Ends.PERSON),
        (BadRequest(400, "BadRequest", "unknown field"), "Invalid", Ends.PERSON),
        (TooLarge(413, "RequestEntityTooLarge", "limit"), "TooLarge", Ends.PERSON),
        (Conflict(409, "Conflict", "changed"), "Conflict", Ends.RETRY),
        (Unreachable("no answer"), "Unreachable", Ends.RETRY),
        (TooManyRequests(429, "TooManyRequests", "later"), "TooManyRequests", Ends.RETRY),
        (Internal(500, "InternalError", "webhook failed"), "InternalError", Ends.RETRY),
        (Gone(410, "Expired", "old"), "Expired", Ends.PERSON),
        (KubeError(418, "", "teapot"), "Refused", Ends.PERSON),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, KubeError) else None,
)
def test_a_refusal_has_its_reason(error: KubeError, reason: str, ends: Ends) -> None:
    fault = fault_of(KEY, error, KNOWN)
    assert (fault.reason, fault.ends, fault.key) == (reason, ends, KEY)


def test_an_immutable_field_is_named_with_the_way_out_even_where_the_message_is_long() -> None:
    error = Invalid(422, "Invalid", "x" * 3000, immutable=("spec.selector",))
    told = fault_of(KEY, error, KNOWN).wire()
    assert told.message.startswith("spec.selector cannot be changed")
    assert "sync.replace" in told.message
    assert len(told.message) <= 1024


def test_a_field_that_a_new_object_may_not_have_is_not_immutable() -> None:
    assert fault_of(KEY, Invalid(422, "Invalid", "no", immutable=("spec.x",)), Entry()).reason == "Invalid"


def test_a_problem_is_one_bounded_line() -> None:
    told = Fault(KEY, "Invalid", "a\n  b\t" + "c" * 5000).wire()
    assert told.message.startswith("a b ccc")
    assert len(told.message) <= 1024
    assert told.object == "Deployment.apps shop/web"


def test_what_blocks_is_told_first_and_ten_are_told() -> None:
    mild = [Fault(ObjectKey("", "A", "", f"a{n}"), "Degraded", "x", blocks=False) for n in range(8)]
    bad = [Fault(ObjectKey("", "Z", "", f"z{n}"), "Invalid", "x") for n in range(5)]
    whole = Fault(None, "FetchFailed", "x")
    told = listed([*mild, *bad, whole])
    assert len(told) == 10
    assert [p.reason for p in told[:6]] == ["FetchFailed", *["Invalid"] * 5]
    assert told == listed([whole, *reversed(bad), *reversed(mild)])


@pytest.mark.parametrize(
    ("ends", "stalls"), [(Ends.EVENT, False), (Ends.RETRY, False), (Ends.NEWS, True), (Ends.PERSON, True)]
)
def test_what_only_a_person_ends_stalls(ends: Ends, stalls: bool) -> None:
    assert Fault(KEY, "Invalid", "x", ends).stalls is stalls
