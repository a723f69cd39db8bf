"""The tests that lie beside policies: who asks for what, and what the answer has to be (tests/*.yaml).

    - {who: "group:payments-leads", tenant: payments, resource: applications, action: delete, object: web, expected: allow}

A file is a list of such lines, in YAML. What is read is a small part of it, on purpose: every value is the text that stands
there (so that `on` is no boolean), and anchors, tags and deeper structure are refused.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # public in PyYAML, forgotten in its stubs
from yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from controlplane.api.keys import TenantName
from controlplane.api.labels import PLATFORM
from controlplane.policy.decisions import Decision
from controlplane.policy.explain import refusal
from controlplane.policy.match import UrlError, normal_url
from controlplane.policy.people import Person, may
from controlplane.policy.policy import Policy
from controlplane.policy.rules import DELIVERY, Place, PolicyFileError, Resource, check_words

__all__ = ["Expectation", "Unmet", "read_expectations", "unmet"]

_FIELDS = ("who", "tenant", "resource", "action", "object", "expected")
_LONGEST_S = 30.0  # of all tests of one commit


@dataclass(frozen=True, slots=True)
class Expectation:
    """One test. who: `delivery`, or `user:…` and `group:…` of one person; one denial of any of these is the answer."""

    who: tuple[str, ...]
    tenant: TenantName
    resource: str
    action: str
    object: str
    allowed: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Unmet:
    """A test that failed: where it stands, and what came in place of what was expected."""

    place: Place
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


def read_expectations(text: str, file: str, commit: str = "") -> tuple[Expectation, ...]:
    """The tests of one file. Raises PolicyFileError for the first entry that is none."""
    try:
        return tuple(_expectation(entry, Place(file, line, commit)) for line, entry in _entries(text, file, commit))
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 0
        problem = getattr(err, "problem", None) or "not YAML"
        raise PolicyFileError(Place(file, line, commit), str(problem)) from err


def unmet(policy: Policy, expectations: Iterable[Expectation], longest_s: float = _LONGEST_S) -> tuple[Unmet, ...]:
    """The tests that a policy does not pass, in their order.

    longest_s: when that has gone by, the test that is due is told as failed, and no further one is run.
    """
    end = time.monotonic() + longest_s
    found: list[Unmet] = []
    for expectation in expectations:
        if time.monotonic() > end:
            found.append(Unmet(expectation.place, f"the tests take longer than {longest_s:g} s"))
            break
        problem = _problem(policy, expectation)
        if problem:
            found.append(Unmet(expectation.place, problem))
    return tuple(found)


def _problem(policy: Policy, expected: Expectation) -> str:
    if expected.tenant != PLATFORM and policy.tenant(expected.tenant) is None:
        return f"there is no Tenant {expected.tenant}"
    if expected.who == (DELIVERY,):
        object_ = expected.object
        if expected.resource == Resource.SOURCES:
            try:
                object_ = normal_url(object_)
            except UrlError as err:
                return f"the URL is refused: {err}" if expected.allowed else ""
        decision = policy.decide(expected.tenant, expected.resource, expected.action, object_)
        why = "" if decision.allowed else refusal(
            policy, expected.tenant, Resource(expected.resource), object_, decision
        ).message  # fmt: skip
    else:
        person = Person.of(expected.who)
        answer = may(policy, person, expected.tenant, expected.resource, expected.action, expected.object)
        decision, why = Decision(answer.allowed, answer.rule), answer.message
    if decision.allowed is expected.allowed:
        return ""
    came = f"allowed by {decision.rule}" if decision.allowed else f"denied: {why}"
    return f"expected {'allow' if expected.allowed else 'deny'}, and it is {came}"


def _expectation(entry: dict[str, Any], place: Place) -> Expectation:
    if missing := [name for name in _FIELDS if not entry.get(name)]:
        raise PolicyFileError(place, f"a test is {{{', '.join(_FIELDS)}}}; {', '.join(missing)} is missing")
    if entry["expected"] not in ("allow", "deny"):
        raise PolicyFileError(place, f"expected is allow or deny, not {entry['expected']}")
    who = entry["who"] if isinstance(entry["who"], tuple) else (entry["who"],)
    if who != (DELIVERY,) and not all(each.startswith(("user:", "group:")) for each in who):
        raise PolicyFileError(
            place, f"who is {DELIVERY}, or user:NAME and group:NAME of one person, not {', '.join(who)}"
        )
    # What is never asked about is denied, and a test that expects just that would prove nothing.
    check_words(who[0], entry["resource"], entry["action"], place)
    return Expectation(
        who, TenantName(entry["tenant"]), entry["resource"], entry["action"], entry["object"],
        entry["expected"] == "allow", place,
    )  # fmt: skip


def _entries(text: str, file: str, commit: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, fields) of each entry of a file."""
    events = _events(text, file, commit)
    first = next(events, None)
    if first is None:
        return
    if not isinstance(first, SequenceStartEvent):
        raise PolicyFileError(Place(file, _line(first), commit), "a file of tests is a list")
    for event in events:
        if isinstance(event, SequenceEndEvent):
            break
        if not isinstance(event, MappingStartEvent):
            raise PolicyFileError(Place(file, _line(event), commit), f"a test is {{{', '.join(_FIELDS)}}}")
        yield _line(event), dict(_fields(events, file, commit))
    for event in events:
        raise PolicyFileError(Place(file, _line(event), commit), "a file of tests is one list")


def _fields(events: Iterator[Any], file: str, commit: str) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    seen: set[str] = set()
    for event in events:
        if isinstance(event, MappingEndEvent):
            return
        place = Place(file, _line(event), commit)
        name = event.value if isinstance(event, ScalarEvent) else ""
        if name not in _FIELDS or name in seen:
            raise PolicyFileError(
                place, f"a test has each of {', '.join(_FIELDS)} once, and no other field: {name or '?'}"
            )
        seen.add(name)
        value = next(events)
        if isinstance(value, ScalarEvent):
            yield name, value.value
        elif name == "who" and isinstance(value, SequenceStartEvent):
            yield name, tuple(_texts(events, place))
        else:
            raise PolicyFileError(place, f"{name} is a text")


def _texts(events: Iterator[Any], place: Place) -> Iterator[str]:
    for event in events:
        if isinstance(event, SequenceEndEvent):
            return
        if not isinstance(event, ScalarEvent):
            raise PolicyFileError(place, "who is a text, or a list of texts")
        yield event.value


def _events(text: str, file: str, commit: str) -> Iterator[Any]:
    parser = CParser(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.NodeEvent) and (event.anchor or getattr(event, "tag", None)):
                raise PolicyFileError(
                    Place(file, _line(event), commit), "anchors, aliases and tags have no use in a test"
                )
            if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                yield event
    finally:
        parser.dispose()


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
