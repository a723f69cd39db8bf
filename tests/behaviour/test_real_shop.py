"""A shop of eleven services as its makers publish it, deployed whole by a tenant, and pruned whole."""

from tests.behaviour.cluster import condition
from tests.behaviour.real_input import nothing_left, tree_of
from tests.behaviour.team import Team

OBJECTS = 33


async def test_a_real_shop_is_deployed_by_a_tenant_and_pruned_whole(team: Team) -> None:
    files = tree_of("microservices-demo", "kubernetes-manifests", under="shop")
    for cluster in team.clusters:
        await cluster.until("the ground is laid", "RoleBinding", "controlplane-tenant", bool, namespace=team.name)
    await team.hub.until("the tenant is Ready", "Tenant", team.name, lambda body: condition(body, "Ready").true)
    before = {cluster: await cluster.everything() for cluster in (team.hub, *team.clusters)}

    await team.push(files)
    await team.deploy("shop", "shop")
    status = (await team.ready("shop"))["status"]
    assert status["objects"] == OBJECTS * len(team.clusters)
    assert not status.get("problems")
    for cluster in team.clusters:
        workloads = [body["metadata"]["name"] for body in await cluster.all("Deployment", team.name)]
        assert "checkoutservice" in workloads and len(workloads) == 11

    await team.hub.kubectl("delete", "-n", team.hub_namespace, "--wait=false", "application/shop")
    await team.hub.gone("Application", "shop", team.hub_namespace)
    await nothing_left(before)
