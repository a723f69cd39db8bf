"""`cpctl app tree`: what a root made, and what that made."""

from controlplane.api.keys import NamespacedName
from controlplane.cli.tree import build, document, tree_queries, tree_view
from tests.unit.cli.bodies import an_app, snapshot_of, tenant_of, work_of

TENANTS = NamespacedName("controlplane-system", "tenants")
TEAM = NamespacedName("tenant-payments", "payments")

ROOT = an_app(TENANTS.name, TENANTS.namespace)
TEAM_ROOT = an_app(TEAM.name, TEAM.namespace, root=TENANTS)
WEB = an_app("web", "tenant-payments", root=TEAM)
STRANGER = an_app("web", "tenant-storefront")


def test_a_root_with_all_that_it_made_down_to_each_cluster() -> None:
    picture = snapshot_of(ROOT, TEAM_ROOT, WEB, STRANGER, work_of("east", WEB), work_of("west", WEB, ready=False))
    node = build(picture, TENANTS)
    assert node is not None
    told = document(node)
    (team,) = told["children"]
    (web,) = team["children"]
    assert (team["name"], web["name"], web["ready"]) == ("payments", "web", "True")
    assert [(work["cluster"], work["ready"]) for work in web["works"]] == [("east", "True"), ("west", "False")]


def test_tenants_and_repositories_are_leaves_of_it() -> None:
    tenant = tenant_of("payments")
    tenant["metadata"]["labels"] = ROOT["metadata"]["labels"] | TEAM_ROOT["metadata"]["labels"]
    node = build(snapshot_of(ROOT, TEAM_ROOT, tenant), TENANTS)
    assert node is not None
    assert sorted((child.kind, child.key.name) for child in node.children) == [
        ("Application", "payments"),
        ("Tenant", "payments"),
    ]


def test_a_circle_ends() -> None:
    one, two = NamespacedName("tenant-a", "one"), NamespacedName("tenant-a", "two")
    node = build(snapshot_of(an_app("one", "tenant-a", root=two), an_app("two", "tenant-a", root=one)), one)
    assert node is not None
    assert document(node)["children"][0]["children"] == [
        {"kind": "Application", "namespace": "tenant-a", "name": "one", "ready": "True", "reason": "Fine",
         "revision": "main@sha1:4f1c2d9a0b0000000000000000000000000000aa"}
    ]  # fmt: skip


def test_no_tree_without_its_root() -> None:
    assert tree_view(snapshot_of(ROOT), TEAM) is None


def test_a_line_names_kind_name_state_and_revision() -> None:
    view = tree_view(snapshot_of(ROOT), TENANTS)
    assert view is not None
    assert view.branch is not None
    assert [cell.text for cell in view.branch.line] == [
        "Application", "controlplane-system/tenants", "True", "main@4f1c2d9",
    ]  # fmt: skip


def test_a_teams_tree_is_read_from_its_own_namespace() -> None:
    assert {query.namespace for query in tree_queries("tenant-payments")[:2]} == {"tenant-payments"}
    assert {query.namespace for query in tree_queries("controlplane-system")} == {""}
