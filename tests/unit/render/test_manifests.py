"""From documents to objects: what is taken, what is refused, and in which words."""

from typing import Any

import pytest

from controlplane.api.keys import ObjectKey
from controlplane.api.manifest import Manifest, Origin
from controlplane.render.errors import (
    DuplicateListKey,
    DuplicateObject,
    InvalidObject,
    ObjectTooLarge,
    RenderError,
    RenderLimitExceeded,
)
from controlplane.render.manifests import ObjectLimits, distinct, manifests, with_namespace
from controlplane.render.scope import is_namespaced
from controlplane.render.yaml import load_all


def read(text: str) -> list[Manifest]:
    return list(manifests(load_all(text.encode(), file="a.yaml"), "a.yaml"))


def config_map(name: str = "x", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name} | metadata}


def test_each_object_has_key_and_place() -> None:
    text = "---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: ns}\n"
    (found,) = read(text)
    assert found.key == ObjectKey("apps", "Deployment", "ns", "a")
    assert found.origin == Origin("a.yaml", 4)


def test_what_the_server_writes_is_left_out() -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: a, creationTimestamp: null, uid: u, resourceVersion: "1", generation: 2, managedFields: [], selfLink: s,
           labels: {b: c}, annotations: null}
spec: {a: 1}
status: {loadBalancer: {}}
"""
    assert read(text)[0].body == {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": {"b": "c"}}, "spec": {"a": 1},
    }  # fmt: skip


def test_lists_are_flattened() -> None:
    text = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- apiVersion: v1
  kind: ConfigMapList
  items: [{metadata: {name: b}}]
---
{apiVersion: v1, kind: List, items: null}
"""
    assert [manifest.key.name for manifest in read(text)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("\n\na", 3, "this document is a string"),
        ("- a", 1, "this document is a list"),
        ("kind: A", 1, "no apiVersion"),
        ("apiVersion: v1", 1, "no kind"),
        ("{apiVersion: 1, kind: A}", 1, "apiVersion 1 is none"),
        ("{apiVersion: a/b/c, kind: A}", 1, "is none"),
        ("{apiVersion: v1, kind: ../A}", 1, "is none"),
        ("{apiVersion: v1, kind: A}", 1, "A has no metadata.name"),
        ("{apiVersion: v1, kind: A, metadata: [a]}", 1, "is a list, not a mapping"),
        ("{apiVersion: v1, kind: A, metadata: {generateName: a-}}", 1, "fixed metadata.name"),
        ("{apiVersion: v1, kind: A, metadata: {name: 12}}", 1, "is the number 12: write it in quotes"),
        ("{apiVersion: v1, kind: A, metadata: {name: ../b}}", 1, "cannot be the name"),
        (
            "{apiVersion: v1, kind: A, metadata: {name: b, namespace: yes}}",
            1,
            "is the boolean true: write it in quotes",
        ),
        ("{apiVersion: v1, kind: A, metadata: {name: b, namespace: a/c}}", 1, "cannot be the namespace"),
        (
            "{apiVersion: v1, kind: A, metadata: {name: b, labels: {c: on}}}",
            1,
            r"labels\[c\] of A b is the boolean true",
        ),
        ("{apiVersion: v1, kind: A, metadata: {name: b, annotations: {c: 1}}}", 1, "the number 1"),
        ("{apiVersion: v1, kind: A, metadata: {name: b, labels: [c]}}", 1, "not a mapping"),
        ("{apiVersion: v1, kind: List, items: [a]}", 1, "is a string"),
    ],
)
def test_what_is_no_object_is_named_with_its_place(text: str, line: int, says: str) -> None:
    with pytest.raises(InvalidObject, match=says) as caught:
        read(text)
    assert (caught.value.file, caught.value.line) == ("a.yaml", line)


def test_lists_within_lists_end() -> None:
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"
    for _ in range(6):
        text = f"{{apiVersion: v1, kind: List, items: [{text}]}}"
    with pytest.raises(InvalidObject, match="lists within lists"):
        read(text)


def test_too_large_objects_say_their_size() -> None:
    body = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: %s}}"
    assert read(body % ("x" * 1_572_700))
    with pytest.raises(ObjectTooLarge, match="ConfigMap a has 15728.. bytes"):
        read(body % ("x" * 1_572_800))


class TestDistinct:
    def test_one_object_twice_names_both_places(self) -> None:
        first = Manifest.of(config_map(), Origin("a.yaml", 3))
        second = Manifest.of(config_map(), Origin("b.yaml", 9))
        with pytest.raises(DuplicateObject, match=r"b.yaml:9: ConfigMap x stands twice .*, first in a.yaml:3"):
            distinct([first, second])

    def test_versions_of_one_kind_are_one_object(self) -> None:
        one = config_map() | {"apiVersion": "apps/v1", "kind": "Deployment"}
        with pytest.raises(DuplicateObject):
            distinct([Manifest.of(one), Manifest.of(one | {"apiVersion": "apps/v1beta1"})])

    def test_number_of_objects(self) -> None:
        with pytest.raises(RenderLimitExceeded, match="more than 2 objects"):
            distinct((Manifest.of(config_map(str(n))) for n in range(3)), ObjectLimits(objects=2))


class TestNamespace:
    def put(self, *bodies: dict[str, Any], namespace: str = "n") -> list[str]:
        return [str(m.key) for m in with_namespace(tuple(map(Manifest.of, bodies)), namespace, is_namespaced)]

    def test_only_where_none_is_named(self) -> None:
        assert self.put(config_map("a"), config_map("b", namespace="m")) == ["ConfigMap n/a", "ConfigMap m/b"]

    def test_cluster_scoped_kinds_have_none(self) -> None:
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "r", "namespace": "x"},
        }
        (found,) = with_namespace((Manifest.of(role),), "n", is_namespaced)
        assert found.key.namespace == "" and found.body["metadata"] == {"name": "r"}
        assert role["metadata"] == {"name": "r", "namespace": "x"}, "the body that came in is left alone"

    def test_definitions_among_the_objects_say_their_scope(self) -> None:
        names = {"kind": "Wide", "plural": "wides"}
        crd = {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "wides.x.io"},
            "spec": {"group": "x.io", "names": names, "scope": "Cluster"},
        }  # fmt: skip
        wide = {"apiVersion": "x.io/v1", "kind": "Wide", "metadata": {"name": "w"}}
        other = {"apiVersion": "x.io/v1", "kind": "Other", "metadata": {"name": "o"}}
        assert self.put(crd, wide, other)[1:] == ["Wide.x.io w", "Other.x.io n/o"]

    def test_none_to_put(self) -> None:
        assert self.put(config_map("a"), namespace="") == ["ConfigMap a"]

    def test_objects_that_become_one_are_refused(self) -> None:
        with pytest.raises(DuplicateObject):
            self.put(config_map("a"), config_map("a", namespace="n"))


def pod(**spec: Any) -> str:
    return str({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [spec]}})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (pod(name="c", env=[{"name": "A"}, {"name": "A"}]), r"spec.containers\[c\].env: name 'A' stands twice"),
        (
            pod(name="c", ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]),
            "containerPort 80, protocol 'TCP' stands twice",
        ),
        (pod(name="c", volumeMounts=[{"mountPath": "/a"}, {"mountPath": "/a"}]), "mountPath '/a'"),
        (pod(name="c", resources={"claims": [{"name": "a"}, {"name": "a"}]}), "resources.claims"),
        (
            (
                "{apiVersion: batch/v1, kind: CronJob, metadata: {name: p}, spec: "
                "{jobTemplate: {spec: {template: {spec: {volumes: [{name: a}, {name: a}]}}}}}}"
            ),
            "spec.jobTemplate.spec.template.spec.volumes: name 'a'",
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: p}, spec: {ports: [{port: 1}, {port: 1, name: b}]}}",
            "spec.ports: port 1, protocol 'TCP'",
        ),
        (
            (
                "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: p}, "
                "webhooks: [{name: a}, {name: a}]}"
            ),
            "webhooks: name 'a'",
        ),
    ],
)
def test_lists_that_are_merged_by_key(body: str, says: str) -> None:
    with pytest.raises(DuplicateListKey, match=says):
        read(body)


def test_different_keys_pass() -> None:
    assert read(pod(name="c", ports=[{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]))
    assert read(pod(name="c", env="odd", ports=[1, 2]))


def test_errors_print_their_place_and_are_bounded() -> None:
    assert str(RenderError("m", "f", 1)) == "f:1: m"
    assert str(RenderError("m", "f")) == "f: m"
    assert len(RenderError("m" * 5000).message) == 2000


@pytest.mark.parametrize(
    "annotation", ["controlplane.dev/hook: pre-sync", "argocd.argoproj.io/hook: PreSync", "helm.sh/hook: test"]
)
def test_a_hook_with_generate_name_is_named_by_its_content(annotation: str) -> None:
    text = "{apiVersion: batch/v1, kind: Job, metadata: {generateName: migrate-, annotations: {%s}}, spec: {a: %d}}"
    names = []
    for spec in (1, 1, 2):
        (found,) = read(text % (annotation, spec))
        assert "generateName" not in found.body["metadata"]
        assert found.key.name == found.body["metadata"]["name"]
        names.append(found.key.name)
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("migrate-")
    assert len(names[0]) == len("migrate-") + 8


def test_the_name_of_a_hook_fits_into_a_label() -> None:
    (found,) = read(
        "{apiVersion: batch/v1, kind: Job,"
        f" metadata: {{generateName: {'x' * 80}-, annotations: {{controlplane.dev/hook: pre-sync}}}}}}"
    )
    assert len(found.key.name) == 63
