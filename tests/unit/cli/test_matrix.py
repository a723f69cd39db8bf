"""`cpctl status`: tenants by clusters."""

from controlplane.cli.matrix import is_ready, status_view
from tests.unit.cli.bodies import an_app, cluster_of, snapshot_of, tenant_of, work_of

WEB, LEDGER = an_app("web"), an_app("ledger", ready=False)
ROOT = an_app("tenants", "controlplane-system")


def test_tenants_by_clusters() -> None:
    picture = snapshot_of(
        tenant_of("payments"), tenant_of("storefront"), cluster_of("east"), cluster_of("west"), ROOT, WEB, LEDGER,
        work_of("east", WEB), work_of("west", WEB), work_of("east", LEDGER, ready=False),
    )  # fmt: skip
    view = status_view(picture)
    (table,) = view.tables
    assert table.headers == ("TENANT", "READY", "APPS", "EAST", "WEST")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["platform", "-", "1/1", "-", "-"],
        ["payments", "True", "1/2", "1/2", "1/1"],
        ["storefront", "True", "-", "-", "-"],
    ]
    payments = view.document["tenants"][1]
    assert payments["clusters"] == {"east": {"total": 2, "ready": 1}, "west": {"total": 1, "ready": 1}}
    assert not is_ready(view)


def test_all_is_well_when_everything_is() -> None:
    assert is_ready(status_view(snapshot_of(tenant_of("payments"), cluster_of("east"), WEB, work_of("east", WEB))))


def test_a_cluster_that_is_not_heard_of_is_named_with_its_reason() -> None:
    silent = cluster_of("west", ready=False, reason="AgentOffline", message="no heartbeat for 180 s")
    view = status_view(snapshot_of(cluster_of("east"), silent))
    assert view.tables[0].headers[-1] == "WEST (not ready)"
    assert view.notes == ("cluster west: AgentOffline: no heartbeat for 180 s",)
    assert not is_ready(view)
