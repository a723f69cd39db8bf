"""The labels, annotations and fixed names that hub, agents and people agree on."""

__all__ = [
    "AGENT_NAMESPACE", "ANNOTATION_ALLOWED_CLUSTERS", "ANNOTATION_ALLOWED_NAMESPACES", "ANNOTATION_ALLOWED_SOURCES",
    "ANNOTATION_APPROVE", "ANNOTATION_CLUSTER_LABELS", "ANNOTATION_CONTENT", "ANNOTATION_DENIED_KINDS", "ANNOTATION_GONE",
    "ANNOTATION_HOOK", "ANNOTATION_HOOK_DELETE", "ANNOTATION_KINDS", "ANNOTATION_NAMESPACES", "ANNOTATION_NETWORK",
    "ANNOTATION_PEOPLE", "ANNOTATION_PRUNE", "ANNOTATION_REPLACE", "ANNOTATION_RUN", "ANNOTATION_WAVE", "FINALIZER",
    "HUB_NAMESPACE", "LABEL_APPLICATION", "LABEL_CHILDREN_OF", "LABEL_CLUSTER", "LABEL_OWNER", "LABEL_PARENT",
    "LABEL_ROLLOUT_OF", "LABEL_TENANT", "PEOPLE", "PLATFORM", "PLATFORM_NAMESPACE", "TENANTS_NAMESPACE",
]  # fmt: skip

HUB_NAMESPACE = "controlplane-system"  # on the hub: the platform's own Applications, settings, the hub itself
AGENT_NAMESPACE = "controlplane-system"  # on a member: the agent and its inventory
TENANTS_NAMESPACE = "controlplane-tenants"  # on a member: one ServiceAccount per tenant
PLATFORM_NAMESPACE = "controlplane-platform"  # on a member: the platform's ServiceAccount
PEOPLE = "controlplane-people"  # on the hub: the ConfigMap that says what the platform's own people may write
PLATFORM = "platform"  # the tenant name that stands for the platform team itself; no Tenant may be called so

LABEL_OWNER = "controlplane.dev/owner"  # on every delivered object: hash of the Application that owns it
LABEL_TENANT = "controlplane.dev/tenant"  # on tenants' namespaces, Works and delivered objects
LABEL_APPLICATION = "controlplane.dev/application"  # on a Work: the Application's name (for people)
LABEL_CLUSTER = "controlplane.dev/cluster"
LABEL_PARENT = "controlplane.dev/parent"  # on a child Application: the root's name (for people; the hub never reads it)
LABEL_CHILDREN_OF = "controlplane.dev/children-of"  # on the ConfigMap that holds a root's inventory
LABEL_ROLLOUT_OF = "controlplane.dev/rollout-of"  # on the ConfigMap that holds a rollout's record

ANNOTATION_REPLACE = "controlplane.dev/replace"  # "true": delete and create again where a field is immutable
ANNOTATION_PRUNE = "controlplane.dev/prune"  # "false": never deleted by us, whatever leaves Git
ANNOTATION_CLUSTER_LABELS = (
    "controlplane.dev/cluster-labels"  # on a Work: hash of the cluster's labels when it was written
)
ANNOTATION_CONTENT = "controlplane.dev/content"  # on a child: hash of what its root wants of it
ANNOTATION_WAVE = (
    "controlplane.dev/wave"  # a whole number: lower ones are applied first, and have to be well before the next
)
ANNOTATION_HOOK = "controlplane.dev/hook"  # when the object is run instead of being kept: see api/order.py
ANNOTATION_HOOK_DELETE = "controlplane.dev/hook-delete"  # when a hook is deleted
ANNOTATION_RUN = "controlplane.dev/run"  # on a hook's object, by the agent: which run of it this is
ANNOTATION_APPROVE = "controlplane.dev/approve"  # the token of a held change, as status names it
ANNOTATION_GONE = "controlplane.dev/force-remove"  # "true" on a Cluster: nobody is there to prune, let it go
# On tenant-<name>, by the hub: what its tenant may use, as regular expressions, for the API server's early refusal.
ANNOTATION_ALLOWED_SOURCES = "controlplane.dev/allowed-sources"
ANNOTATION_ALLOWED_NAMESPACES = "controlplane.dev/allowed-namespaces"
ANNOTATION_ALLOWED_CLUSTERS = "controlplane.dev/allowed-clusters"
ANNOTATION_PEOPLE = "controlplane.dev/people"  # what people may write there; see policy/charter.py

# On a tenant's namespaces, by the agent: facts by which the member's API server and the agent narrow what its tenant writes.
ANNOTATION_KINDS = "controlplane.dev/kinds"  # <group>/<Kind>, as a regular expression
ANNOTATION_DENIED_KINDS = "controlplane.dev/denied-kinds"
ANNOTATION_NAMESPACES = "controlplane.dev/namespaces"  # all that the tenant has there, separated by commas
ANNOTATION_NETWORK = "controlplane.dev/network"  # isolated or open

FINALIZER = "controlplane.dev/hub"  # on Tenant, Application and Work; only the hub takes it away
