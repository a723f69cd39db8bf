"""An ignore rule that is not understood holds its Application back."""

from typing import Any

import pytest

from controlplane.api.application import Application
from controlplane.hub.ignore import check_ignore
from controlplane.hub.prepare import Refusal


def application(*rules: dict[str, Any]) -> Application:
    spec = {"source": {"repository": "team"}, "sync": {"ignore": [{"kind": "Service", **rule} for rule in rules]}}
    return Application.model_validate({"metadata": {"name": "web", "namespace": "tenant-a"}, "spec": spec})


def test_good_rules_pass() -> None:
    check_ignore(application())
    check_ignore(application({"jqPaths": [".spec.ports[].nodePort"]}, {"managers": ["x"]}))


def test_each_bad_rule_is_a_problem() -> None:
    bad = {"jqPaths": [".spec | keys"]}
    with pytest.raises(Refusal) as refused:
        check_ignore(application({"managers": ["x"]}, bad, {"jsonPointers": ["/metadata/name"]}))
    assert refused.value.reason == "InvalidIgnoreRule"
    assert not refused.value.transient
    assert [p.reason for p in refused.value.problems] == ["InvalidIgnoreRule"] * 2
    assert refused.value.message.startswith("spec.sync.ignore[1] (Service): '.spec | keys'")
