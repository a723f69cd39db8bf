"""From an API server's refusal to a typed error that quotes nothing secret."""

from typing import Any

import orjson
import pytest

from controlplane.kube import errors
from controlplane.kube.errors import Conflict, FieldConflict, Forbidden, Invalid, NotFound, ServerTimeout
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES, SECRETS, Resource
from controlplane.kube.status import error_from_answer, error_from_status


def status(code: int, reason: str, message: str = "", causes: tuple[dict[str, str], ...] = (), **details: Any) -> Any:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details | ({"causes": list(causes)} if causes else {}),
    }


def cause(reason: str, message: str, field: str = "") -> dict[str, str]:
    return {"reason": reason, "message": message, "field": field}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Gone),
        (413, errors.TooLarge),
        (422, errors.Invalid),
        (429, errors.TooManyRequests),
        (500, errors.Internal),
        (503, errors.Internal),
        (504, errors.ServerTimeout),
        (418, errors.KubeError),
    ],
)
def test_each_status_has_its_type(code: int, expected: type[errors.KubeError]) -> None:
    error = error_from_answer(code, orjson.dumps(status(code, "Some", "what was said")))
    assert type(error) is expected
    assert (error.status, error.reason) == (code, "Some")
    assert "what was said" in str(error)


def test_an_apply_conflict_names_managers_and_fields() -> None:
    error = error_from_status(
        status(
            409,
            "Conflict",
            "Apply failed with 2 conflicts",
            (
                cause(
                    "FieldManagerConflict",
                    'conflict with "kubectl-client-side-apply" using apps/v1 at 2026-11-23T10:00:00Z',
                    ".spec.replicas",
                ),
                cause("FieldManagerConflict", 'conflict with "hpa \\"x\\"" with subresource "scale"', ".spec.paused"),
                cause("FieldManagerConflict", "conflict with something new", ".spec.other"),
            ),
        )
    )
    assert isinstance(error, Conflict)
    assert error.conflicts == (
        FieldConflict("kubectl-client-side-apply", ".spec.replicas"),
        FieldConflict('hpa "x"', ".spec.paused"),
        FieldConflict("something new", ".spec.other"),
    )
    assert not (error.uid_mismatch or error.already_exists or error.absent)


@pytest.mark.parametrize(
    ("answer", "absent"),
    [
        pytest.param(
            status(
                422,
                "Invalid",
                "x is invalid",
                (cause("FieldValueInvalid", 'Invalid value: "a": field is immutable', "metadata.uid"),),
            ),
            False,
            id="patch of another object",
        ),
        pytest.param(
            status(
                409, "Conflict", "uid mismatch: the provided object specified uid a, and no existing object was found"
            ),
            True,
            id="patch of no object",
        ),
        pytest.param(
            status(409, "Conflict", "Precondition failed: UID in precondition: a, UID in object meta: b"),
            False,
            id="delete",
        ),
        pytest.param(
            status(409, "Conflict", "the UID in the precondition (a) does not match the UID in record (b)."),
            False,
            id="delete, graceful",
        ),
    ],
)
def test_another_uid_is_one_conflict_however_the_server_says_it(answer: Any, absent: bool) -> None:
    error = error_from_status(answer)
    assert isinstance(error, Conflict)
    assert error.uid_mismatch
    assert error.absent is absent


def test_already_exists() -> None:
    error = error_from_status(status(409, "AlreadyExists"))
    assert isinstance(error, Conflict)
    assert error.already_exists


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ('Invalid value: {"matchLabels":{"a":"b: c"}}: field is immutable', "spec.selector"),
        ("Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals' are forbidden", "spec"),
        ("Invalid value: cannot change roleRef", "roleRef"),
        ("Forbidden: spec is immutable after creation except resources.requests", "spec"),
        ('Invalid value: ["10.0.0.1"]: may not change once set', "spec.clusterIPs[0]"),
        ("Forbidden: field is immutable when `immutable` is set", "data"),
        ("Forbidden: pod updates may not change fields other than `spec.containers[*].image`", "spec"),
    ],
)
def test_fields_that_cannot_change_are_named(message: str, field: str) -> None:
    error = error_from_status(status(422, "Invalid", "...", (cause("FieldValueInvalid", message, field),), kind="X"))
    assert isinstance(error, Invalid)
    assert error.immutable == (field,)
    assert field in str(error)


def test_validation_that_is_not_about_change_names_no_immutable_field() -> None:
    answer = status(
        422,
        "Invalid",
        "...",
        (cause("FieldValueRequired", "Required value", "spec.selector"),),
        kind="Deployment",
        group="apps",
        name="web",
    )
    error = error_from_status(answer)
    assert isinstance(error, Invalid)
    assert error.immutable == ()
    assert str(error) == 'Deployment.apps "web" is invalid: spec.selector: Required value'


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            'Invalid value: {"env":[{"name":"A","value":"hunter2: \\"x\\""}]}: field is immutable',
            "Invalid value: (left out): field is immutable",
        ),
        ('Invalid value: "ab: c": must be short', 'Invalid value: "ab: c": must be short'),
        ("Invalid value: -1: must be positive", "Invalid value: -1: must be positive"),
        (
            "Invalid value: core.PodTemplate{A:1, B: 2}: field is immutable",
            "Invalid value: (left out): field is immutable",
        ),
        ("Invalid value: &core.Pod{Secret: 2}: field is immutable", "Invalid value: (left out): field is immutable"),
        ('Invalid value: "' + "x" * 200 + '": too long', "Invalid value: (left out): too long"),
        ('Unsupported value: "A": supported values: "B", "C"', 'Unsupported value: "A": supported values: "B", "C"'),
    ],
)
def test_only_short_scalars_of_the_object_are_quoted(said: str, shown: str) -> None:
    error = error_from_status(
        status(422, "Invalid", said, (cause("FieldValueInvalid", said, "spec.x"),), kind="X", name="y")
    )
    assert str(error) == f'X "y" is invalid: spec.x: {shown}'
    assert error.causes[0].message == shown


@pytest.mark.parametrize(
    "answer",
    [
        status(
            422,
            "Invalid",
            'Secret "s" is invalid: data[k]: Invalid value: "hunter2": no',
            (cause("FieldValueInvalid", 'Invalid value: "hunter2": no', "data[k]"),),
            kind="Secret",
            name="s",
        ),
        status(
            400,
            "BadRequest",
            'failed to create typed patch object: .data.k: expected string, got &value.valueUnstructured{Value:"hunter2"}',
        ),
        status(422, "Invalid", "hunter2"),
    ],
)
def test_no_value_of_a_secret_is_quoted(answer: Any) -> None:
    error = error_from_status(answer, resource=SECRETS)
    assert "hunter2" not in f"{error} {error.causes} {error.details} {error!r}"


def test_what_is_known_to_be_safe_about_a_secret_is_said() -> None:
    answer = status(
        400, "BadRequest", 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 4'
    )
    assert str(error_from_status(answer, resource=SECRETS)) == "illegal base64 data at input byte 4"
    immutable = status(
        422,
        "Invalid",
        "",
        (cause("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", "data"),),
        kind="Secret",
        name="s",
    )
    error = error_from_status(immutable, resource=SECRETS)
    assert isinstance(error, Invalid)
    assert error.immutable == ("data",)


def test_a_typed_patch_error_does_not_print_the_value() -> None:
    said = '.spec.replicas: expected numeric (int or float), got &value.valueUnstructured{Value:map[string]interface {}{"a":1}}'
    assert "Unstructured" not in str(error_from_status(status(400, "BadRequest", said)))


def test_a_terminating_namespace_is_no_question_of_rights() -> None:
    terminating = error_from_status(
        status(
            403,
            "Forbidden",
            "because it is being terminated",
            (cause("NamespaceTerminating", "namespace x is being terminated", "metadata.namespace"),),
        )
    )
    denied = error_from_status(
        status(403, "Forbidden", 'configmaps is forbidden: User "u" cannot create resource "configmaps"')
    )
    assert isinstance(terminating, Forbidden)
    assert terminating.terminating_namespace
    assert isinstance(denied, Forbidden)
    assert not denied.terminating_namespace


def test_what_is_not_found() -> None:
    thing = status(404, "NotFound", 'configmaps "a" not found', kind="configmaps", name="a")
    place = status(404, "NotFound", 'namespaces "x" not found', kind="namespaces", name="x")
    kind = status(404, "NotFound", "the server could not find the requested resource")

    def missing(answer: Any, resource: Resource) -> tuple[bool, bool]:
        error = error_from_status(answer, resource=resource)
        assert isinstance(error, NotFound)
        return error.namespace_missing, error.kind_missing

    assert missing(thing, CONFIGMAPS) == (False, False)
    assert missing(place, CONFIGMAPS) == (True, False)
    assert missing(place, NAMESPACES) == (False, False)
    assert missing(kind, CONFIGMAPS) == (False, True)


def test_when_to_come_again() -> None:
    assert error_from_answer(429, b"slow down", retry_after="7").retry_after_s == 7.0
    assert error_from_answer(503, orjson.dumps(status(503, "x", retryAfterSeconds=3))).retry_after_s == 3.0
    assert error_from_answer(503, b"", retry_after="Mon, 23 Nov 2026 10:00:00 GMT").retry_after_s is None


def test_a_version_from_the_future() -> None:
    answer = status(
        504,
        "Timeout",
        "Too large resource version: 9, current: 2",
        (cause("ResourceVersionTooLarge", "Too large resource version"),),
    )
    error = error_from_status(answer)
    assert isinstance(error, ServerTimeout)
    assert error.future_version


def test_an_object_over_etcds_limit_is_too_large() -> None:
    answer = status(500, "InternalError", "etcdserver: request is too large")
    assert isinstance(error_from_status(answer), errors.TooLarge)


def test_a_page_that_is_no_status_is_shown_in_part() -> None:
    error = error_from_answer(502, b"<html>" + b"x" * 1000, request="GET /api")
    assert str(error).startswith("GET /api: HTTP 502: <html>xxx")
    assert len(str(error)) < 300


def test_an_object_that_does_not_fit_its_schema_is_a_bad_request_though_the_server_says_500() -> None:
    said = 'failed to create typed patch object (ns/d; apps/v1, Kind=Deployment): .spec.x: duplicate entries for key [name="c"]'
    error = error_from_status(status(500, "InternalError", said))
    assert type(error) is errors.BadRequest
    assert str(error) == said
    secret = "failed to create typed patch object (n/s; Secret): .data.k: expected string, got &value.valueUnstructured{Value:hunter2}"
    assert str(error_from_status(status(500, "InternalError", secret), resource=SECRETS)) == ".data.k: expected string"


def test_a_diff_of_the_object_is_left_out() -> None:
    said = 'Forbidden: spec is immutable after creation\n@@ -1 +1 @@\n-  "hunter2"'
    error = error_from_status(
        status(
            422, "Invalid", said, (cause("FieldValueForbidden", said, "spec"),), kind="PersistentVolumeClaim", name="p"
        )
    )
    assert str(error) == 'PersistentVolumeClaim "p" is invalid: spec: Forbidden: spec is immutable after creation'
    assert isinstance(error, Invalid)
    assert error.immutable == ("spec",)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            'configmaps "i" is forbidden: User "a" cannot impersonate-on:serviceaccount:get resource "configmaps" in API group ""',
            True,
        ),
        (
            'serviceaccounts "d" is forbidden: User "a" cannot impersonate:serviceaccount resource "serviceaccounts"',
            True,
        ),
        (
            'serviceaccounts "d" is forbidden: User "a" cannot impersonate resource "serviceaccounts" in API group ""',
            True,
        ),
        ('configmaps "i" is forbidden: User "impersonate" cannot patch resource "configmaps" in API group ""', False),
    ],
)
def test_whose_right_is_missing(said: str, expected: bool) -> None:
    error = error_from_status(status(403, "Forbidden", said))
    assert isinstance(error, Forbidden)
    assert error.impersonation is expected
