"""Eighty real commits over the folders of a hundred teams, delivered to a real cluster one by one.

No commit prunes what it did not remove, and in the end the cluster holds exactly what a fresh deployment of the last tree gives.
What the guard holds is approved as a person would.
"""

from collections.abc import Callable, Mapping

import pytest
import yaml

from tests.behaviour.audit import Request
from tests.behaviour.cluster import Body, condition
from tests.behaviour.real_input import PLATFORM, WITHIN_S, Platform, known_kinds, nothing_left, platform_team
from tests.behaviour.replay import Commit, delivered, history_of
from tests.behaviour.system import AGENT, System

FOLDERS = "namespaces/live.cloud-platform.service.justice.gov.uk"
COMMITS = 80
KINDS = {
    "Certificate": "certificates.cert-manager.io",
    "PrometheusRule": "prometheusrules.monitoring.coreos.com",
    "ServiceMonitor": "servicemonitors.monitoring.coreos.com",
}
CALICO = {"NetworkPolicy": "networkpolicies.projectcalico.org/v3"}
PARENT = "controlplane.dev/parent"
PLATFORM_ACCOUNT = "system:serviceaccount:controlplane-platform:platform"


def folder_of(path: str) -> str:
    """The team's folder that a file lies in; "" for a file elsewhere."""
    return path.removeprefix(f"{FOLDERS}/").partition("/")[0] if path.startswith(f"{FOLDERS}/") else ""


def objects_of(files: Mapping[str, str], folder: str) -> set[str]:
    """`kind namespace/name` of what a folder holds, kinds in small letters and without their group."""
    found = set()
    for path, text in files.items():
        if folder_of(path) != folder:
            continue
        for body in yaml.load_all(text, yaml.CSafeLoader):
            if body:
                namespace = "" if body["kind"] == "Namespace" else body["metadata"].get("namespace", folder)
                found.add(f"{body['kind'].lower()} {namespace}/{body['metadata']['name']}")
    return found


def deleted(request: Request) -> str:
    """The object that a request deletes, in the words of objects_of."""
    singular = {"networkpolicies": "networkpolicy"}.get(request.resource, request.resource.removesuffix("s"))
    namespace = "" if singular == "namespace" else request.namespace
    return f"{singular} {namespace}/{request.name}"


async def _root(platform: Platform, name: str, child: str) -> None:
    template = {
        "metadata": {"name": child},
        "spec": {
            "source": {"repository": platform.name, "path": "{{ folder.path }}"},
            "placement": {
                "clusters": {"names": [cluster.name for cluster in platform.clusters]},
                "namespace": "{{ folder.name }}",
            },
        },
    }
    await platform.deploy(name, ".", expand={"over": [{"folders": {"path": f"{FOLDERS}/*"}}], "template": template})


async def _carried_out(platform: Platform, prefix: str, folders: set[str], touched: set[str]) -> None:
    """Wait until each team of `folders` has its Application, and the touched ones are applied at the last commit.

    Whatever is held on the way is approved.
    """
    revision = f"main@sha1:{platform.head}"

    left: list[str] = []

    def state(found: list[Body]) -> list[str]:
        """The names of what is held, or [""] where all is done."""
        ours = [a for a in found if a["metadata"]["name"] == platform.name or _parent(a) == platform.name]
        if held := sorted(a["metadata"]["name"] for a in ours if (a.get("status") or {}).get("held")):
            return held
        children = {a["metadata"]["name"].removeprefix(prefix): a for a in ours if _parent(a) == platform.name}
        left[:] = sorted(children.keys() ^ folders)
        left.extend(
            f"{each}: {condition(children[each], 'Ready')} at {children[each].get('status', {}).get('revision')}"
            for each in sorted(touched & folders & children.keys())
            if not _settled(children[each]) or children[each]["status"].get("revision") != revision
        )
        return [] if left else [""]

    while (names := await _seen(platform, state, left)) != [""]:
        for name in names:
            await platform.system.cpctl("app", "approve", f"platform/{name}")
            await platform.sees("what was held goes on", name, lambda body: not body["status"].get("held"))


def _settled(child: Body) -> bool:
    """Whether it is applied; of one team a Pod cannot be, since its ServiceAccount is made elsewhere."""
    problems = (child.get("status") or {}).get("problems") or []
    elsewhere = bool(problems) and all("serviceaccount" in each["message"] for each in problems)
    return condition(child, "Synced").true or elsewhere


def _parent(application: Body) -> str:
    return str(application["metadata"].get("labels", {}).get(PARENT, ""))


async def _seen(platform: Platform, state: Callable[[list[Body]], list[str]], left: list[str]) -> list[str]:
    what = "the commit is carried out, or something of it is held"
    try:
        return await platform.hub.until_all(what, "Application", state, namespace=PLATFORM, within_s=WITHIN_S)
    except AssertionError:
        raise AssertionError(f"not within {WITHIN_S:.0f} s: {what}; at {platform.head} are left: {left}") from None


async def _replay(platform: Platform, commits: tuple[Commit, ...], files: dict[str, str]) -> None:
    log = platform.system.audit("east")
    for commit in commits:
        mark = log.mark()
        touched = {folder for path in commit.files if (folder := folder_of(path))}
        before = {folder: objects_of(files, folder) for folder in touched}
        for path, text in commit.files.items():
            if text is None:
                files.pop(path, None)
            else:
                files[path] = text
        await platform.push(commit.files, commit.subject)
        folders = {folder for path in files if (folder := folder_of(path))}
        await _carried_out(platform, "", folders, touched)
        removed = {each for folder in touched for each in before[folder] - objects_of(files, folder)}
        pruned = {
            deleted(r)
            for r in log.since(mark, AGENT)
            if r.verb == "delete" and r.code < 300 and r.impersonated == PLATFORM_ACCOUNT
        }
        assert pruned <= removed, f"commit {commit.number} ({commit.subject}) removed {sorted(removed)}"


@pytest.mark.timeout(1500)
async def test_eighty_commits_prune_only_what_they_removed_and_end_as_a_fresh_deployment(system: System) -> None:
    history = history_of("cloud-platform-tenants-c")
    assert len(history.commits) == COMMITS
    files = dict(history.start)
    before = {cluster: await cluster.everything() for cluster in (system.hub, *system.members.values())}
    members = tuple(system.members.values())
    async with known_kinds(members, KINDS), known_kinds(members, CALICO):
        async with platform_team(system, "teams-replayed", ["east"]) as replayed:
            await replayed.push(files, "Begin", whole=True)
            await _root(replayed, replayed.name, "{{ folder.name }}")
            folders = {folder for path in files if (folder := folder_of(path))}
            await _carried_out(replayed, "", folders, folders)
            await _replay(replayed, history.commits, files)
            folders = {folder for path in files if (folder := folder_of(path))}
            async with platform_team(system, "teams-fresh", ["west"]) as fresh:
                await fresh.push(history.tree_after(COMMITS), "Begin", whole=True)
                await _root(fresh, fresh.name, "fresh-{{ folder.name }}")
                await _carried_out(fresh, "fresh-", folders, folders)
                expected = await delivered(system.west, *folders)
                objects = {each for folder in folders for each in objects_of(files, folder) if "namespace " not in each}
                assert len(expected) == len(objects)
                assert await delivered(system.east, *folders) == expected
    await nothing_left(before)
