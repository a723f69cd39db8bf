"""Select, render, authorise: from an Application and a commit to what may go out. Reads Git and decides; writes nothing.

What comes out is either Prepared, which holds the gate's permit and the bytes that it covers, or a Refusal with the
problems as a person needs them. Nothing half-way exists: one denied object, and nothing of that commit leaves the hub.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from controlplane.api.application import Application
from controlplane.api.keys import GROUP, ClusterName, Digest, NamespacedName, ObjectKey, TenantName
from controlplane.api.manifest import Manifest
from controlplane.api.model import Problem
from controlplane.api.repository import Repository
from controlplane.api.tenant import Tenant
from controlplane.api.tree import Tree
from controlplane.artifact.codec import Encoded, encode
from controlplane.artifact.errors import ArtifactError
from controlplane.health.assess import needs_status
from controlplane.health.own import problems_of
from controlplane.hub.child_waves import bad_waves
from controlplane.hub.children import child_manifests
from controlplane.hub.dispatch import Payload
from controlplane.hub.expand import ExpandError, expand
from controlplane.hub.placement import place, variables_for
from controlplane.hub.sources import Head
from controlplane.hub.world import World
from controlplane.hub.writers import writers_of
from controlplane.policy.denial import Denied
from controlplane.policy.gate import GATE, Awaited, Delivery, Gate, Permit, Target
from controlplane.policy.policy import Policy
from controlplane.render.errors import RenderError
from controlplane.render.manifests import with_namespace
from controlplane.render.readset import ReadSet
from controlplane.render.render import RenderLimits, RenderRequest, render
from controlplane.render.scope import is_namespaced
from controlplane.render.substitute import substitute
from controlplane.telemetry.steps import step

__all__ = ["Prepared", "Refusal", "awaited", "check_rules", "inputs_of", "prepare"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one Application at one commit delivers, and the proof that it may."""

    head: Head
    reads: ReadSet
    payloads: Mapping[ClusterName, Payload]
    encoded: Mapping[Digest, bytes]  # compressed payloads, to be kept before any Work names them
    keys: Mapping[ClusterName, frozenset[ObjectKey]]
    children: tuple[Manifest, ...]
    permit: Permit

    def without_payloads(self) -> "Prepared":
        """The same, to be remembered once the payloads are stored."""
        return replace(self, encoded={})

    def at(self, head: Head) -> "Prepared":
        """The same, said to be of another commit, of which everything that was read is the same."""
        return replace(self, head=head)


class Refusal(Exception):
    """This commit of this Application does not go out; what is delivered already stays.

    reads: what the refusal depends on, where that is known: while it is unchanged, so is the refusal.
    transient: a retry can help without any change.
    """

    def __init__(
        self, reason: str, message: str, problems: tuple[Problem, ...] = (), reads: ReadSet | None = None,
        *, transient: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.problems = problems
        self.reads = reads
        self.transient = transient


def inputs_of(
    application: Application, tenant: Tenant | None, repository: Repository, head: Head, stamp: object, world: World
) -> object:
    """Everything but the commit that a preparation depends on, to be compared with what the last one was made from."""
    spec = application.spec
    targets: object = ()
    if spec.placement is not None:
        targets = tuple(
            (name, variables_for(application, cluster))
            for name in place(application, tenant, world.live_clusters())
            if (cluster := world.cluster(name)) is not None
        )
    over: object = ()
    if spec.expand is not None:
        over = (
            tuple((c.metadata.name, c.metadata.labels) for c in world.live_clusters()),
            tuple((t.metadata.name, t.metadata.labels) for t in world.live_tenants()),
            writers_of(head.url, world),
        )
    return (
        spec.source,
        spec.placement,
        spec.overrides,
        spec.expand,
        spec.health,
        head.url,
        repository.spec.export_to,
        stamp,
        targets,
        over,
        awaited(application, world),
    )


def awaited(application: Application, world: World) -> tuple[Awaited, ...]:
    """What of others' an Application waits for, as the gate judges it."""
    home = application.metadata.namespace
    names = [NamespacedName(each.namespace or home, each.name) for each in application.spec.depends_on]
    found = [(name, world.applications.get(name)) for name in names if name.namespace != home]
    return tuple(Awaited(name, other.spec.export_to if other is not None else ()) for name, other in found)


async def prepare(
    application: Application, tenant_name: TenantName, tenant: Tenant | None, head: Head, tree: Tree,
    *, repository: Repository, world: World, policy: Policy, limits: RenderLimits, gate: Gate = GATE,
) -> Prepared:  # fmt: skip
    """Render an Application at head, split objects from children, and pass all of it through the gate.

    tenant: None for the platform's own Applications. Raises Refusal.
    """
    key = NamespacedName(application.metadata.namespace, application.metadata.name)
    check_rules(application)
    source = application.spec.source
    if application.spec.expand is not None:
        reads = ReadSet.of_folders(tree)
        try:
            with step("render", path=source.path):
                children = expand(
                    application, tenant_name, world.live_tenants(), world.live_clusters(), tree.folders,
                    writers_of(head.url, world),
                )  # fmt: skip
        except ExpandError as error:
            raise Refusal(
                "ExpandFailed", str(error), (Problem(reason="ExpandFailed", message=str(error)[:1024]),)
            ) from error
        leaves: tuple[Manifest, ...] = ()
    else:
        try:
            with step("render", path=source.path):
                rendered = await render(tree, RenderRequest(path=source.path, renderer=source.renderer), limits)
        except RenderError as error:
            raise _refused(error) from error
        reads = rendered.reads
        children = tuple(m for m in rendered.manifests if m.key.group == GROUP)
        leaves = tuple(m for m in rendered.manifests if m.key.group != GROUP)
    try:
        children = child_manifests(key, children)
        if bad := bad_waves(children):
            raise Refusal(bad[0].reason, f"{bad[0].object}: {bad[0].message}", bad, reads)
        targets, encoded = await _targets(application, tenant, leaves, world)
        delivery = Delivery(
            application=key, tenant=tenant_name, source=head.url,
            source_namespace=repository.metadata.namespace, exported_to=repository.spec.export_to, targets=targets,
            children=children, namespace=_namespace(application), create_namespace=_created_namespace(application),
                awaited=awaited(application, world),
        )  # fmt: skip
        with step("authorise", objects=len(leaves), children=len(children), clusters=len(targets)):
            permit = gate.authorise(policy, delivery)
    except Denied as error:
        problems = tuple(denial.problem() for denial in error.problems[:10])
        raise Refusal("Denied", str(error), problems, reads) from error
    except (RenderError, ArtifactError) as error:
        refusal = _refused(error)
        raise Refusal(refusal.reason, refusal.message, refusal.problems, reads, transient=refusal.transient) from error
    return Prepared(
        head=head,
        reads=reads,
        payloads={
            target.cluster: Payload(target.digest, len(encoded[target.digest].payload), len(target.manifests))
            for target in targets
        },
        encoded={digest: each.payload for digest, each in encoded.items()},
        keys={target.cluster: frozenset(m.key for m in target.manifests) for target in targets},
        children=children,
        permit=permit,
    )


async def _targets(
    application: Application, tenant: Tenant | None, leaves: tuple[Manifest, ...], world: World
) -> tuple[tuple[Target, ...], Mapping[Digest, Encoded]]:
    """The objects of each cluster, with its overrides; clusters with the same variables share one artifact."""
    placement = application.spec.placement
    if placement is None:
        if leaves:
            first = leaves[0]
            message = f"{first.key} goes to clusters, and the Application has no placement: say spec.placement"
            problem = Problem(
                object=str(first.key)[:640], file=first.origin.file, line=first.origin.line, reason="NoPlacement",
                message=message,
            )  # fmt: skip
            raise Refusal("NoPlacement", message, (problem,))
        return (), {}
    targets = []
    encoded: dict[Digest, Encoded] = {}
    variants: dict[tuple[tuple[str, str], ...], tuple[tuple[Manifest, ...], Encoded]] = {}
    for name in place(application, tenant, world.live_clusters()):
        cluster = world.cluster(name)
        variables = variables_for(application, cluster) if cluster else {}
        variant = tuple(sorted(variables.items()))
        if variant not in variants:
            # on every cluster, once there are overrides at all: where none selects it, defaults hold
            manifests = substitute(leaves, variables) if application.spec.overrides else leaves
            manifests = with_namespace(manifests, placement.namespace or "", is_namespaced)
            each = await asyncio.to_thread(encode, manifests) if _large(manifests) else encode(manifests)
            variants[variant] = (manifests, each)
            encoded[each.digest] = each
        manifests, each = variants[variant]
        targets.append(Target(cluster=name, digest=each.digest, manifests=manifests))
    return tuple(targets), encoded


def check_rules(application: Application) -> None:
    """Raises Refusal where a rule of health is broken: an agent would only find out object by object."""
    if problems := problems_of(application.spec.health, has_status=needs_status):
        found = tuple(Problem(reason="InvalidHealthRule", message=each[:1024]) for each in problems[:10])
        raise Refusal("InvalidHealthRule", problems[0], found)


def _large(manifests: tuple[Manifest, ...]) -> bool:
    """Whether encoding would hold up the loop for longer than a thread costs; a CRD may be a megabyte by itself."""
    return len(manifests) > 200 or any(m.key.kind == "CustomResourceDefinition" for m in manifests)


def _namespace(application: Application) -> str | None:
    return application.spec.placement.namespace if application.spec.placement else None


def _created_namespace(application: Application) -> str | None:
    placement = application.spec.placement
    return placement.namespace if placement and placement.create_namespace else None


def _refused(error: RenderError | ArtifactError) -> Refusal:
    reason = getattr(error, "reason", type(error).__name__)
    file, line = getattr(error, "file", "") or "", getattr(error, "line", 0) or 0
    problem = Problem(
        file=file[:1024], line=line, reason=reason[:128], message=getattr(error, "message", str(error))[:1024]
    )
    reads = getattr(error, "reads", None)
    return Refusal(reason, str(error), (problem,), reads, transient=bool(getattr(error, "transient", False)))
