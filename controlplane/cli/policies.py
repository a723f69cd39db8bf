"""`cpctl policy …` and `tenant check`: the hub's own decisions, by the policies of a checkout.

Tenants come from the checkout too, or from the hub. The policies never do: they are in Git, and the hub only says which
commit is in force, so that a person can see whether the checkout is of another.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controlplane.api.cluster import Cluster
from controlplane.api.keys import TenantName
from controlplane.api.labels import HUB_NAMESPACE, PLATFORM
from controlplane.api.model import Metadata
from controlplane.api.tenant import Tenant
from controlplane.cli.collect import Query, snapshot
from controlplane.cli.connect import connect
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.options import Format, Place
from controlplane.cli.show import emit
from controlplane.cli.view import Cell, Table, View
from controlplane.kube.resource import CLUSTERS, REPOSITORIES, TENANTS
from controlplane.policy.abilities import Ability, abilities, on_clusters
from controlplane.policy.expectation import unmet
from controlplane.policy.explain import refusal
from controlplane.policy.files import PolicyFiles, PolicyFilesError, collect, read_files, roles_without_rules
from controlplane.policy.match import UrlError, normal_url
from controlplane.policy.people import Answer, Person, may
from controlplane.policy.people import who_can as answers_of
from controlplane.policy.policy import Policy
from controlplane.policy.rules import DELIVERY, PolicyFileError, Resource, builtin_model, check_words
from controlplane.policy.rules import Place as At
from controlplane.render.yaml import YamlError, load_all
from controlplane.source.tree import DirectoryTree

__all__ = ["Asked", "check", "tenant_report", "test", "who_can", "why"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose policies, and beside which Tenants and Clusters.

    hub: where to ask for these; None = they are the checkout's and `clusters` (`NAME,key=value`).
    """

    checkout: Path
    folder: str = "policies"
    hub: Place | None = None
    clusters: tuple[str, ...] = ()

    @classmethod
    def at(cls, given: Path, folder: str, hub: Place | None = None, clusters: tuple[str, ...] = ()) -> "Asked":
        """Of a path that is a checkout, or the folder of the policies itself."""
        if not (given / folder).is_dir() and (any(given.glob("*.csv")) or (given / "model.conf").is_file()):
            given, folder = given.parent, given.name
        return cls(given, folder, hub, clusters)


def check(asked: Asked, output: Format) -> ExitCode:
    """Whether the policies load. Raises CliError after each error was printed."""
    folder = asked.folder
    files = _files(asked.checkout, folder)
    warnings = roles_without_rules(files.rules)
    own = "the built-in one" if files.model == builtin_model() else "its own"
    rules = len(files.rules.grants) + len(files.rules.memberships)
    document = {"rules": rules, "tests": len(files.tests), "warnings": list(warnings)}
    line = f"{folder} loads: {rules} rules, {len(files.tests)} tests; the model is {own}"
    emit(View((), document, (line, *(f"warning: {each}" for each in warnings))), output)
    return ExitCode.OK


async def test(asked: Asked, output: Format) -> ExitCode:
    """Run the tests of the policies; FAILED where one does not hold."""
    files = _files(asked.checkout, asked.folder)
    policy, notes = await _policy(asked, files)
    failures = unmet(policy, files.tests)
    document = {
        "tests": len(files.tests),
        "failed": [{"file": each.place.file, "line": each.place.line, "problem": each.problem} for each in failures],
    }
    lines = tuple(str(each) for each in failures)
    counted = f"{len(files.tests) - len(failures)} of {len(files.tests)} tests passed"
    emit(View((), document, (*lines, counted, *notes)), output)
    return ExitCode.FAILED if failures else ExitCode.OK


async def why(
    asked: Asked, who: str, tenant: str, action: str, resource: str, object_: str, output: Format
) -> ExitCode:
    """Whether somebody may, and why; FAILED = no."""
    policy, notes = await _policy(asked)
    name = _tenant(policy, tenant)
    if who == DELIVERY:
        answer = _delivery(policy, name, action, resource, object_)
    else:
        try:
            answer = may(policy, Person.of(who.split(",")), name, resource, action, object_)
        except ValueError as err:
            raise CliError(f"{err} (or {DELIVERY})", ExitCode.USAGE) from err
    document = {"allowed": answer.allowed, "rule": _rule(answer), "message": answer.message}
    emit(View((), document, (f"{'yes' if answer.allowed else 'no'}: {answer.message}", *notes)), output)
    return ExitCode.OK if answer.allowed else ExitCode.FAILED


async def who_can(asked: Asked, tenant: str, action: str, resource: str, object_: str, output: Format) -> ExitCode:
    """Which users and groups may."""
    policy, notes = await _policy(asked)
    found = answers_of(policy, _tenant(policy, tenant), resource, action, object_)
    rows = tuple(
        (Cell(name), _yes(answer.allowed), Cell(str(answer.rule) if answer.rule else "no rule allows it"))
        for name, answer in found
        if answer.allowed or answer.rule
    )
    document = [{"who": name, "allowed": answer.allowed, "rule": _rule(answer)} for name, answer in found]
    together = ("One who is in several groups is denied what any of them is denied.",) if rows else ()
    table = Table(("WHO", "MAY", "RULE"), rows, "nobody that a rule names")
    emit(View((table,), document, (*together, *notes)), output)
    return ExitCode.OK


async def tenant_report(asked: Asked, tenant: str, output: Format) -> ExitCode:
    """What a tenant can do on each cluster."""
    policy, notes = await _policy(asked)
    name = _tenant(policy, tenant)
    clusters, rest = on_clusters(policy, name), abilities(policy, name)
    document = {
        "tenant": tenant,
        "clusters": [
            {**_json(each), "abilities": [_json(ability) for ability in rest] if each.allowed else []}
            for each in clusters
        ],
    }
    tables = (
        Table(("WHAT", "MAY", "RULE", "OBJECTS"), tuple(_row((each,)) for each in clusters), "no cluster is known"),
        Table(
            ("WHAT", "MAY", "RULE", "OBJECTS"), tuple(map(_row, _alike(rest))), title="On each cluster that it may use"
        ),
    )
    emit(View(tables, document, notes), output)
    return ExitCode.OK


def _delivery(policy: Policy, tenant: TenantName, action: str, resource: str, object_: str) -> Answer:
    try:
        check_words(DELIVERY, resource, action, At("the question"))
        object_ = normal_url(object_) if resource == Resource.SOURCES else object_
    except (PolicyFileError, UrlError) as err:
        raise CliError(str(err), ExitCode.USAGE) from err
    decision = policy.decide(tenant, resource, action, object_)
    if decision.allowed:
        return Answer(True, decision.rule, DELIVERY, f"a delivery of {tenant} may {action} {object_}: {decision.rule}")
    no = refusal(policy, tenant, Resource(resource), object_, decision)
    return Answer(False, no.rule, DELIVERY, f"{no.message} [{no.rule}]")


def _files(checkout: Path, folder: str) -> PolicyFiles:
    """The policies of a checkout. Raises CliError after each error was printed."""
    try:
        return read_files(collect(DirectoryTree(checkout, hashed=False), folder.strip("/")), folder.strip("/"))
    except PolicyFilesError as err:
        for problem in err.problems:
            print(problem, file=sys.stderr)  # noqa: T201  # what a person asked to see
        raise CliError(f"the policies do not load: {len(err.problems)} error(s)") from err


async def _policy(asked: Asked, files: PolicyFiles | None = None) -> tuple[Policy, tuple[str, ...]]:
    """What is in force with the policies of the checkout, and what a person should know of that."""
    notes: tuple[str, ...] = ()
    in_force: tuple[str, ...] = ()
    if asked.hub is None:
        tenants = tuple(_tenants(asked.checkout))
        clusters = tuple(map(_cluster, asked.clusters))
        places = {TenantName(tenant.metadata.name): at for tenant, at in tenants}
        policy = Policy.of((tenant for tenant, _ in tenants), clusters, places=places)
    else:
        async with connect(asked.hub) as client:
            found = await snapshot(
                client, Query(TENANTS), Query(CLUSTERS), Query(REPOSITORIES, HUB_NAMESPACE, optional=True)
            )
        policy = Policy.of(
            map(Tenant.model_validate, found.of(TENANTS)), map(Cluster.model_validate, found.of(CLUSTERS))
        )
        in_force = tuple(_in_force(found.of(REPOSITORIES)))
        notes = tuple(f"in force on the hub are the policies of {each}" for each in in_force)
    there = (asked.checkout / asked.folder).is_dir()
    if files is None and not there and in_force:
        raise CliError(
            f"the hub's policies are those of {in_force[0]}, and there is no {asked.folder} in {asked.checkout}: "
            "name a checkout of them with --checkout"
        )
    if files is None and there:
        files = _files(asked.checkout, asked.folder)
    if files is None:
        return policy, (*notes, f"there is no {asked.folder} in {asked.checkout}: only what is built in is asked")
    return files.over(policy), notes


def _in_force(repositories: tuple[dict[str, Any], ...]) -> Iterator[str]:
    for body in repositories:
        revision = ((body.get("status") or {}).get("policies") or {}).get("revision")
        if revision:
            yield f"Repository {body['metadata']['name']} at {revision}"


def _tenants(checkout: Path) -> Iterator[tuple[Tenant, At]]:
    """The Tenants in tenants/ of a checkout. Raises CliError for a file that does not load."""
    for file in sorted((checkout / "tenants").rglob("*.y*ml")):
        name = file.relative_to(checkout).as_posix()
        try:
            for document in load_all(file.read_bytes(), file=name):
                if isinstance(document.value, dict) and document.value.get("kind") == "Tenant":
                    yield Tenant.model_validate(document.value), At(name, document.line)
        except (YamlError, OSError) as err:
            raise CliError(str(err)) from err
        except ValidationError as err:
            first = err.errors()[0]
            raise CliError(f"{name} is no Tenant: {'.'.join(map(str, first['loc']))}: {first['msg']}") from err


def _cluster(text: str) -> Cluster:
    name, *labels = text.split(",")
    pairs = [label.partition("=") for label in labels]
    if not name or not all(key and equals for key, equals, _ in pairs):
        raise CliError(f"--cluster {text}: write NAME or NAME,key=value", ExitCode.USAGE)
    return Cluster(metadata=Metadata(name=name, labels={key: value for key, _, value in pairs}))


def _tenant(policy: Policy, name: str) -> TenantName:
    if name != PLATFORM and policy.tenant(TenantName(name)) is None:
        known = ", ".join(policy.tenants()) or "none"
        raise CliError(f"there is no Tenant {name}; there are: {known}")
    return TenantName(name)


def _rule(answer: Answer) -> str:
    return str(answer.rule) if answer.rule is not None else ""


def _json(ability: Ability) -> dict[str, Any]:
    return {
        "what": str(ability.what), "object": ability.object, "allowed": ability.allowed, "rule": str(ability.rule),
        "message": ability.message,
    }  # fmt: skip


def _alike(found: tuple[Ability, ...]) -> list[tuple[Ability, ...]]:
    """Those of one kind that one rule decides, together: a person reads a line for them, not twenty."""
    rows: dict[object, list[Ability]] = defaultdict(list)
    for each in found:
        rows[each.what, each.allowed, each.rule].append(each)
    return [tuple(row) for row in rows.values()]


def _row(alike: tuple[Ability, ...]) -> tuple[Cell, ...]:
    first = alike[0]
    rule = replace(first.rule, text="") if first.rule.field else first.rule  # the field says it shorter
    objects = ", ".join(each.object for each in alike)
    return Cell(first.what), _yes(first.allowed), Cell(str(rule)), Cell(objects)


def _yes(allowed: bool) -> Cell:
    return Cell("yes", "green") if allowed else Cell("no", "red")
