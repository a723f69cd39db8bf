"""Variables in objects: what becomes a number, what stays a string, and that a value never becomes structure."""

from typing import Any

import pytest

from controlplane.api.manifest import Manifest, Origin
from controlplane.render.errors import DuplicateObject, InvalidObject, SubstitutionFailed
from controlplane.render.substitute import substitute, substitute_value

VARIABLES = {
    "n": "5",
    "name": "web",
    "on": "yes",
    "text": "a: b",
    "quoted": '"7"',
    "empty": "",
    "evil": "x\nkind: Secret",
}


def deployment(**spec: Any) -> Manifest:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}
    return Manifest.of(body, Origin("a.yaml", 3))


def one(manifest: Manifest) -> dict[str, Any]:
    return substitute((manifest,), VARIABLES)[0].body


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${n}", 5),
        ("${n}0", 50),
        ("x${n}", "x5"),
        ("${on}", True),
        ("${quoted}", "7"),
        ("'${n}'", "5"),
        ("${empty}", None),
        ("${text}", "a: b"),
        ("[${n}]", "[5]"),
        ("line\n${n}", "line\n5"),
        ("5", "5"),
        ("$$", "$"),
        ("${gone:=1.50}", 1.5),
        ("${evil}", "x\nkind: Secret"),
        (".nan$${x}", ".nan${x}"),
        ({"k${n}": ["${n}", {"a": "${name}"}]}, {"k5": [5, {"a": "web"}]}),
    ],
)
def test_values(text: object, value: object) -> None:
    assert substitute_value(text, VARIABLES, strict=True) == value


def test_an_object_without_variables_is_the_same_object() -> None:
    manifest = deployment(a=["b", {"c": "d"}])
    assert substitute((manifest,), VARIABLES)[0] is manifest


def test_bodies_are_not_changed_in_place() -> None:
    manifest = deployment(replicas="${n}", a=[{"b": "${name}"}])
    assert one(manifest)["spec"] == {"replicas": 5, "a": [{"b": "web"}]}
    assert manifest.body["spec"]["replicas"] == "${n}"


def test_what_kubernetes_wants_as_strings_stays_one() -> None:
    labels = {"labels": {"a": "${n}", "b": "${empty}"}}
    container = {"name": "c", "args": ["${n}"], "env": [{"name": "N", "value": "${n}"}], "image": "i"}
    spec = one(deployment(template={"metadata": labels, "spec": {"containers": [container]}}))["spec"]["template"]
    assert spec["metadata"]["labels"] == {"a": "5", "b": ""}
    assert spec["spec"]["containers"][0]["args"] == ["5"]
    assert spec["spec"]["containers"][0]["env"] == [{"name": "N", "value": "5"}]
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"n": "${n}", "q": "${quoted}"},
    }
    assert one(Manifest.of(config))["data"] == {"n": "5", "q": "7"}


def test_names_may_change_and_are_checked_again() -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "${name}-a"}}
    (found,) = substitute((Manifest.of(body),), VARIABLES)
    assert found.key.name == "web-a"
    with pytest.raises(InvalidObject, match="is the number 5"):
        one(Manifest.of(body | {"metadata": {"name": "${n}"}}))
    with pytest.raises(DuplicateObject):
        substitute((Manifest.of(body), Manifest.of(body | {"metadata": {"name": "web-a"}})), VARIABLES)


@pytest.mark.parametrize("mark", ["controlplane.dev/substitute", "kustomize.toolkit.fluxcd.io/substitute"])
@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_objects_can_be_left_alone(mark: str, where: str) -> None:
    body = {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", where: {mark: "disabled"}}, "x": "${gone}"}
    assert one(Manifest.of(body)) is body


def test_undefined_variables() -> None:
    with pytest.raises(SubstitutionFailed, match=r'a.yaml:3: Deployment.apps d: variable not set: "HOME"') as caught:
        one(deployment(script="cd ${HOME}"))
    assert caught.value.reason == "SubstitutionFailed"
    assert substitute((deployment(a="x${HOME}"),), {}, strict=False)[0].body["spec"] == {"a": "x"}


def test_keys_that_become_one() -> None:
    with pytest.raises(SubstitutionFailed, match="the key 5 arises twice"):
        one(deployment(a={"${n}": 1, "5": 2}))


def test_short_texts_cannot_ask_for_very_long_ones() -> None:
    with pytest.raises(SubstitutionFailed, match="too large"):
        substitute((deployment(a=["${v}" * 1000] * 5),), {"v": "x" * 1000})
