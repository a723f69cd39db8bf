"""`cpctl app tree`: a root, what it made, what that made, and on which clusters each of them is."""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.api.keys import NamespacedName
from controlplane.api.labels import HUB_NAMESPACE, LABEL_OWNER
from controlplane.api.names import owner_hash
from controlplane.cli.collect import Query, Snapshot
from controlplane.cli.listings import revision
from controlplane.cli.view import Branch, Cell, View, condition, mark
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, REPOSITORIES, TENANTS, WORKS

__all__ = ["Node", "build", "document", "tree_queries", "tree_view"]


def tree_queries(namespace: str) -> tuple[Query, ...]:
    """What to read. A team's root makes objects in its own namespace only, the platform's anywhere."""
    within = "" if namespace == HUB_NAMESPACE else namespace
    return (
        Query(APPLICATIONS, within),
        Query(REPOSITORIES, within, optional=True),
        Query(TENANTS, optional=True),
        Query(WORKS, optional=True),
    )


def tree_view(picture: Snapshot, root: NamespacedName) -> View | None:
    """The tree under an Application; None if there is none of that name."""
    node = build(picture, root)
    return View((), document(node), branch=_branch(node)) if node else None


@dataclass(frozen=True, slots=True)
class Node:
    """One object of the hub's, with what it made and its deliveries."""

    kind: str
    key: NamespacedName
    body: Body
    works: tuple[Body, ...] = ()
    children: tuple["Node", ...] = ()


def build(picture: Snapshot, root: NamespacedName) -> Node | None:
    """The tree under an Application; None if there is none of that name. A cycle, which the hub refuses, ends it too."""
    made: dict[str, list[tuple[str, Body]]] = {}
    for resource in (TENANTS, REPOSITORIES, APPLICATIONS):
        for body in picture.of(resource):
            owner = (body["metadata"].get("labels") or {}).get(LABEL_OWNER)
            if owner:
                made.setdefault(owner, []).append((resource.kind, body))
    works: dict[NamespacedName, list[Body]] = {}
    for work in picture.of(WORKS):
        of = work["spec"]["application"]
        works.setdefault(NamespacedName(of["namespace"], of["name"]), []).append(work)
    for body in picture.of(APPLICATIONS):
        if _key(body) == root:
            return _node("Application", body, made, works, frozenset())
    return None


def _key(body: Body) -> NamespacedName:
    return NamespacedName(body["metadata"].get("namespace") or "", body["metadata"]["name"])


def _node(
    kind: str,
    body: Body,
    made: Mapping[str, list[tuple[str, Body]]],
    works: Mapping[NamespacedName, list[Body]],
    above: frozenset[NamespacedName],
) -> Node:
    key = _key(body)
    if kind != "Application" or key in above:
        return Node(kind, key, body)
    children = tuple(
        _node(child_kind, child, made, works, above | {key}) for child_kind, child in made.get(owner_hash(key), ())
    )
    return Node(kind, key, body, tuple(works.get(key, ())), children)


def document(node: Node) -> Body:
    """The tree as one JSON value."""
    status = node.body.get("status") or {}
    ready = condition(node.body, "Ready")
    told: Body = {"kind": node.kind, "namespace": node.key.namespace, "name": node.key.name}
    told |= {"ready": ready.get("status") or "Unknown", "reason": ready.get("reason") or ""}
    if status.get("revision"):
        told["revision"] = status["revision"]
    if node.works:
        told["works"] = [
            {
                "cluster": work["metadata"]["namespace"].removeprefix("cluster-"),
                "name": work["metadata"]["name"],
                "ready": condition(work, "Ready").get("status") or "Unknown",
                "reason": condition(work, "Ready").get("reason") or "",
                "revision": (work.get("status") or {}).get("revision") or "",
            }
            for work in node.works
        ]
    if node.children:
        told["children"] = [document(child) for child in node.children]
    return told


def _branch(node: Node) -> Branch:
    works = tuple(Branch(_work_line(work)) for work in node.works)
    return Branch(_line(node), works + tuple(_branch(child) for child in node.children))


def _work_line(work: Body) -> tuple[Cell, ...]:
    status = work.get("status") or {}
    objects = status.get("objects") or {}
    return (
        Cell("cluster " + work["metadata"]["namespace"].removeprefix("cluster-")),
        mark(work),
        Cell(f"{objects.get('applied', 0)}/{objects.get('total', 0)} objects"),
        Cell(revision(status.get("revision") or "")),
    )


def _line(node: Node) -> tuple[Cell, ...]:
    at = revision((node.body.get("status") or {}).get("revision") or "")
    return Cell(node.kind), Cell(str(node.key), "bold"), mark(node.body), Cell(at)
