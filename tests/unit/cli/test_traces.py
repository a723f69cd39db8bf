"""The ids of traces, as a person looks them up."""

import pytest

from controlplane.cli.errors import CliError
from controlplane.cli.traces import trace_lines
from controlplane.telemetry.span import trace_name


def test_a_commit_that_is_delivered_is_named_once() -> None:
    status = {"revision": "main@sha1:ab", "attemptedRevision": "main@sha1:ab"}
    body = {"metadata": {"name": "web", "uid": "u"}, "status": status}
    assert trace_lines(body) == f"{trace_name('u', 'ab')}  main@sha1:ab"


def test_a_commit_that_was_refused_has_a_trace_too() -> None:
    status = {"revision": "main@sha1:ab", "attemptedRevision": "main@sha1:cd"}
    lines = trace_lines({"metadata": {"name": "web", "uid": "u"}, "status": status}).splitlines()
    assert [line.split() for line in lines] == [
        [trace_name("u", "ab"), "main@sha1:ab"],
        [trace_name("u", "cd"), "main@sha1:cd"],
    ]


def test_before_the_first_look_there_is_none() -> None:
    with pytest.raises(CliError, match="not been looked at"):
        trace_lines({"metadata": {"name": "web", "uid": "u"}})
