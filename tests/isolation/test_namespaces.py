"""Into another tenant's namespace, the system's own, or none: by each way in which an object can come by a namespace."""

from typing import Any

from tests.behaviour.manifests import application, config_map, file_of
from tests.isolation.attack import MALLORY, VICTORIA, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import AS_POD, AS_TENANT, MEMBER_OF_MALLORY, Field

FAMILY = "namespaces"
LOOT = (Loot("east", "ConfigMap", "stolen", VICTORIA), Loot("west", "ConfigMap", "stolen", VICTORIA))
DENIED = (Wall.HUB_GATE, "NamespaceDenied")
STOLEN = config_map("stolen")


def into(name: str, namespace: str) -> ByGit:
    return ByGit(
        name,
        *DENIED,
        {"a.yaml": config_map("stolen", namespace=namespace)},
        loot=(Loot("east", "ConfigMap", "stolen", namespace),),
    )


def kustomized(name: str, *, wall: tuple[Wall, str] = DENIED, **kustomization: Any) -> ByGit:
    files = {"a.yaml": STOLEN, "kustomization.yaml": file_of({"resources": ["a.yaml"], **kustomization})}
    return ByGit(name, *wall, files, loot=LOOT)


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def listed(*items: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": [*items]}


TENANT = "controlplane.dev/tenant"
CLUSTER_SCOPED = (Wall.HUB_GATE, "ClusterScopedDenied")
GIT_ATTACKS = (
    into("another tenant's namespace", VICTORIA),
    into("kube-system", "kube-system"),
    into("default", "default"),
    into("the agent's namespace", "controlplane-system"),
    into("the namespace of the tenants' identities", "controlplane-tenants"),
    into("the namespace of the platform's identity", "controlplane-platform"),
    into("a namespace that begins with its own name", f"{MALLORY}-two"),
    into("its namespace on the hub, on a member", f"tenant-{MALLORY}"),
    ByGit(
        "by placement.namespace", *DENIED, {"a.yaml": STOLEN}, spec={"placement": {"namespace": VICTORIA}}, loot=LOOT
    ),
    ByGit(
        "no namespace at all",
        *DENIED,
        {"a.yaml": STOLEN},
        spec={"placement": {}},
        loot=(Loot("east", "ConfigMap", "stolen", "default"),),
    ),
    ByGit(
        "one among a hundred",
        *DENIED,
        {"a.yaml": [*(config_map(f"c{n}") for n in range(100)), config_map("stolen", namespace=VICTORIA)]},
        loot=(*LOOT, Loot("east", "ConfigMap", "c0", MALLORY)),
    ),
    ByGit("wrapped into a List", *DENIED, {"a.yaml": listed(config_map("stolen", namespace=VICTORIA))}, loot=LOOT),
    ByGit(
        "by JSON",
        *DENIED,
        {
            "a.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stolen", "namespace": "victoria"}}'
        },
        loot=LOOT,
    ),
    ByGit(
        "by a YAML anchor",
        *DENIED,
        {"a.yaml": f"x: &n {VICTORIA}\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: stolen, namespace: *n}}\n"},
        loot=LOOT,
    ),
    kustomized("by kustomize's namespace", namespace=VICTORIA),
    kustomized(
        "by a kustomize patch",
        patches=[
            {
                "patch": '[{"op": "add", "path": "/metadata/namespace", "value": "victoria"}]',
                "target": {"kind": "ConfigMap"},
            }
        ],
    ),
    ByGit(
        "by a variable of its own",
        Wall.RENDERER,
        "InvalidObject",
        {"a.yaml": config_map("stolen", namespace="${where}")},
        spec={"overrides": [{"clusters": {"names": ["east"]}, "variables": {"where": VICTORIA}}]},
        loot=LOOT,
    ),
    ByGit(
        "createNamespace for another's",
        *DENIED,
        {"a.yaml": STOLEN},
        spec={"placement": {"namespace": "loot", "createNamespace": True}},
        loot=(Loot("east", "Namespace", "loot"),),
    ),
    ByGit(
        "a namespace of its own making",
        *CLUSTER_SCOPED,
        {"a.yaml": namespace("loot", **{TENANT: MALLORY})},
        loot=(Loot("east", "Namespace", "loot"),),
    ),
    ByGit(
        "label tampering: another's namespace as its own",
        *CLUSTER_SCOPED,
        {"a.yaml": namespace(VICTORIA, **{TENANT: MALLORY})},
    ),
    ByGit(
        "label tampering: kube-system as its own",
        *CLUSTER_SCOPED,
        {"a.yaml": namespace("kube-system", **{TENANT: MALLORY})},
    ),
    ByGit(
        "label tampering: Pod Security of its own namespace",
        *CLUSTER_SCOPED,
        {"a.yaml": namespace(MALLORY, **{"pod-security.kubernetes.io/enforce": "privileged"})},
    ),
)


def request(
    name: str, cluster: str, who: tuple[str, ...], body: Any, says: str, loot: tuple[Loot, ...] = ()
) -> ByRequest:
    return ByRequest(name, Wall.KUBERNETES, cluster, who, ("create", "--validate=false", "-f", "-"), says, body, loot)


REQUESTS = (
    request(
        "an Application in another tenant's namespace",
        "hub",
        MEMBER_OF_MALLORY,
        application("stolen", f"tenant-{VICTORIA}", "apps"),
        "cannot create resource",
        (Loot("hub", "Application", "stolen", f"tenant-{VICTORIA}"),),
    ),
    request(
        "an Application in the hub's namespace",
        "hub",
        MEMBER_OF_MALLORY,
        application("stolen", "controlplane-system", "apps"),
        "cannot create resource",
        (Loot("hub", "Application", "stolen", "controlplane-system"),),
    ),
    request(
        "a namespace tenant-… of its own",
        "hub",
        MEMBER_OF_MALLORY,
        namespace("tenant-eve"),
        "cannot create resource",
        (Loot("hub", "Namespace", "tenant-eve"),),
    ),
    request(
        "as the tenant's identity on a member",
        "east",
        AS_TENANT,
        config_map("stolen", namespace=VICTORIA),
        "cannot create resource",
        LOOT,
    ),
    request(
        "as a pod of the tenant's",
        "east",
        AS_POD,
        config_map("stolen", namespace=VICTORIA),
        "cannot create resource",
        LOOT,
    ),
    ByRequest(
        "relabel another tenant's namespace",
        Wall.KUBERNETES,
        "east",
        AS_TENANT,
        ("label", "namespace", VICTORIA, f"{TENANT}={MALLORY}", "--overwrite"),
        "namespaces",
    ),
    ByRequest(
        "relabel its own namespace",
        Wall.KUBERNETES,
        "east",
        AS_TENANT,
        ("label", "namespace", MALLORY, "pod-security.kubernetes.io/enforce=privileged", "--overwrite"),
        "namespaces",
    ),
    ByRequest(
        "relabel a namespace of the hub",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("label", "namespace", f"tenant-{VICTORIA}", f"{TENANT}={MALLORY}", "--overwrite"),
        "namespaces",
    ),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))
