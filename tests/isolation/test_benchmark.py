"""The checks of the multi-tenancy working group's benchmark that concern a tenant of namespaces, by Git and by request.

Pods are asked for as they are, not by Deployments: a Deployment is accepted, and its pods are what is refused; that is shown
once. The attacker's namespace has the default Pod Security level, baseline.
"""

from typing import Any

from tests.behaviour.cluster import Body
from tests.behaviour.manifests import deployment
from tests.isolation.attack import MALLORY, VICTORIA, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import AS_TENANT, Field

FAMILY = "benchmark"
SECURITY = (Wall.KUBERNETES, "Forbidden")
KIND = (Wall.HUB_GATE, "KindDenied")
SERVICE = (Wall.HUB_GATE, "ServiceDenied")


def pod(container: Body | None = None, **spec: Any) -> Body:
    one = {"name": "app", "image": "registry.example.com/app:1", **(container or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "malice"}, "spec": {"containers": [one], **spec}}


_PODS = {
    "a privileged container": pod({"securityContext": {"privileged": True}}),
    "the host's network": pod(hostNetwork=True),
    "the host's processes": pod(hostPID=True),
    "the host's IPC": pod(hostIPC=True),
    "a path of the host": pod(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    "a port of the host": pod({"ports": [{"containerPort": 80, "hostPort": 80}]}),
    "capabilities of the kernel": pod({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
    "no seccomp profile": pod(securityContext={"seccompProfile": {"type": "Unconfined"}}),
    "settings of the kernel": pod(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
    "no SELinux confinement": pod(securityContext={"seLinuxOptions": {"type": "spc_t"}}),
}


PODS = {name: body | {"metadata": {"name": f"malice-{n}"}} for n, (name, body) in enumerate(_PODS.items())}
"""Each under a name of its own: one that got through would be in the others' way."""


def malice(body: Body) -> tuple[Loot, ...]:
    return (Loot("east", "Pod", body["metadata"]["name"], MALLORY),)


def service(name: str, **spec: Any) -> Body:
    ports = {"ports": [{"port": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "x"}, **ports, **spec},
    }


def core(kind: str, name: str, api_version: str = "v1", **parts: Any) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **parts}


NETWORK = core("NetworkPolicy", "open", "networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [{}]})
HOLE = core("NetworkPolicy", "hole", "networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [{}]})
SLICE = core(
    "EndpointSlice", "x", "discovery.k8s.io/v1", addressType="IPv4", endpoints=[{"addresses": ["10.0.0.1"]}], ports=[]
)
BOUNDS = {
    "a quota of its own": core("ResourceQuota", "mine", spec={"hard": {"pods": "1000"}}),
    "the quota that bounds it": core("ResourceQuota", "controlplane", spec={"hard": {"pods": "1000"}}),
    "the limits that bound it": core("LimitRange", "controlplane", spec={"limits": []}),
    "endpoints elsewhere": core(
        "Endpoints", "x", subsets=[{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]
    ),
    "endpoint slices elsewhere": SLICE,
    "a ControllerRevision": core("ControllerRevision", "x", "apps/v1", revision=1),
    "an Event": core("Event", "x", involvedObject={"kind": "Pod", "name": "x", "namespace": MALLORY}),
    "a Lease": core("Lease", "x", "coordination.k8s.io/v1"),
}
GIT_ATTACKS = (
    *(
        ByGit(name, *SECURITY, {"a.yaml": body}, says="violates PodSecurity", loot=malice(body))
        for name, body in PODS.items()
    ),
    *(ByGit(name, *KIND, {"a.yaml": body}) for name, body in BOUNDS.items()),
    ByGit(
        "a network policy that opens its namespace",
        Wall.HUB_GATE,
        "NetworkPolicyDenied",
        {"a.yaml": NETWORK},
        loot=(Loot("east", "NetworkPolicy", "open", MALLORY),),
    ),
    ByGit("a Service on the nodes' ports", *SERVICE, {"a.yaml": service("node-port", type="NodePort")}),
    ByGit("a Service for foreign addresses", *SERVICE, {"a.yaml": service("foreign", externalIPs=["10.0.0.1"])}),
    ByGit(
        "a Service that is a name elsewhere",
        *SERVICE,
        {"a.yaml": core("Service", "elsewhere", spec={"type": "ExternalName", "externalName": "web.victoria.svc"})},
    ),
)


def asked(body: Body) -> Body:
    return body | {"metadata": body["metadata"] | {"namespace": MALLORY}}


CREATE = ("create", "--validate=false", "-f", "-")


def request(name: str, *command: str, says: str = "cannot") -> ByRequest:
    return ByRequest(f"as the tenant: {name}", Wall.KUBERNETES, "east", AS_TENANT, command, says)


REQUESTS = (
    *(
        ByRequest(
            f"as the tenant: {name}",
            Wall.KUBERNETES,
            "east",
            AS_TENANT,
            CREATE,
            "violates PodSecurity",
            asked(body),
            malice(body),
        )
        for name, body in PODS.items()
    ),
    *(
        ByRequest(f"as the tenant: {name}", Wall.KUBERNETES, "east", AS_TENANT, CREATE, "cannot create", asked(body))
        for name, body in BOUNDS.items()
        if name not in ("an Event", "a Lease")
    ),
    ByRequest(
        "as the tenant: a network policy", Wall.KUBERNETES, "east", AS_TENANT, CREATE, "cannot create", asked(HOLE)
    ),
    request(
        "change its quota",
        "patch",
        "resourcequota/controlplane",
        "-n",
        MALLORY,
        "--type=merge",
        "-p",
        '{"spec":{"hard":{"pods":"1000"}}}',
    ),
    request("delete its quota", "delete", "resourcequota/controlplane", "-n", MALLORY),
    request("delete its limits", "delete", "limitrange/controlplane", "-n", MALLORY),
    request("delete its isolation", "delete", "networkpolicy/controlplane", "-n", MALLORY),
    request("delete its namespace", "delete", "namespace", MALLORY),
    request("see another's pods", "get", "pods", "-n", VICTORIA),
    request("see another's ConfigMaps", "get", "configmaps", "-n", VICTORIA),
    request("see all namespaces", "get", "namespaces"),
    request("see the nodes", "get", "nodes"),
    request("go into a pod", "create", "--raw", f"/api/v1/namespaces/{MALLORY}/pods/x/exec", "-f", "-"),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))


async def test_a_deployment_of_privileged_pods(mounted: Field, stopped: Stopped) -> None:
    """It is accepted, as Kubernetes does; not one of its pods ever is, and status says why."""
    team = mounted.attacker
    body = deployment("privileged", replicas=2)
    body["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    await team.push({"privileged/a.yaml": body})
    await team.deploy("privileged", "privileged")
    await team.member.until_all(
        "a pod was refused",
        "Event",
        lambda found: any("violates PodSecurity" in each["message"] for each in found),
        namespace=MALLORY,
    )
    assert not [
        each for each in await team.member.all("Pod", MALLORY) if each["metadata"]["name"].startswith("privileged")
    ]
    await mounted.unharmed()
    stopped("a Deployment of privileged pods", Wall.KUBERNETES, "violates PodSecurity")


async def test_more_pods_than_its_quota(mounted: Field, stopped: Stopped) -> None:
    team = mounted.attacker
    await team.push({"crowded/a.yaml": deployment("crowded", replicas=9)})
    await team.deploy("crowded", "crowded")
    await team.member.until_all(
        "a pod was refused",
        "Event",
        lambda found: any("exceeded quota" in each["message"] for each in found),
        namespace=MALLORY,
    )
    assert len(await team.member.all("Pod", MALLORY)) <= 5
    await team.push({"crowded/a.yaml": deployment("crowded")})
    await team.ready("crowded")
    await mounted.unharmed()
    stopped("more pods than its quota", Wall.KUBERNETES, "exceeded quota")
