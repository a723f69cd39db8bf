"""A repository's real commits, one after the other: what each changed, and the tree before the first of them.

And what a cluster holds in the end, in a form in which two clusters can be compared.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.behaviour.cluster import Body, Cluster
from tests.behaviour.real_input import tree_of
from tests.testdata import testdata

__all__ = ["Commit", "History", "delivered", "history_of"]

OWNER = "controlplane.dev/owner"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. files: path -> its content then; None = it was removed."""

    number: int
    subject: str
    files: Mapping[str, str | None]

    def touches(self, *folders: str) -> bool:
        """Whether it changed anything in one of these folders."""
        return any(path.startswith(f"{folder}/") for path in self.files for folder in folders)


@dataclass(frozen=True, slots=True)
class History:
    """start: the files before the first commit."""

    start: Mapping[str, str]
    commits: tuple[Commit, ...]

    def tree_after(self, number: int) -> dict[str, str]:
        """The files after so many commits."""
        tree: dict[str, str] = dict(self.start)
        for commit in self.commits[:number]:
            for path, content in commit.files.items():
                if content is None:
                    tree.pop(path, None)
                else:
                    tree[path] = content
        return tree


def history_of(repository: str) -> History:
    """The commits of a repository of the test data. Skips the test where they are absent."""
    lines = testdata("repos", "_history", f"{repository}.jsonl").read_text().splitlines()
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    start = tree_of(repository)
    for entry in reversed(entries):  # the data holds the tree after the last commit
        for change in entry["changes"]:
            if change["old"] is None:
                start.pop(change["path"], None)
            else:
                start[change["path"]] = change["old"]
    commits = (
        Commit(entry["n"], entry["subject"], {change["path"]: change["new"] for change in entry["changes"]})
        for entry in entries
    )
    return History(start, tuple(commits))


async def delivered(cluster: Cluster, *namespaces: str) -> dict[str, Body]:
    """What we own in these namespaces, by kind and name, without what each cluster chooses for itself."""
    kinds = await cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name")
    where = ("-n", namespaces[0]) if len(namespaces) == 1 else ("--all-namespaces",)
    listing = await cluster.kubectl(
        "get", *where, ",".join(kinds.split()), f"--selector={OWNER}", "--show-managed-fields", "--output=json"
    )
    found = {}
    for body in json.loads(listing)["items"]:
        namespace = body["metadata"]["namespace"]
        if namespace in namespaces and (compared := _compared(body)):
            found[f"{body['kind']} {namespace}/{body['metadata']['name']}"] = compared
    return found


def _compared(body: Body) -> Body:
    """What was applied (by managedFields), and all values but those that others decide. Empty for what we did not apply."""
    meta = body["metadata"]
    manager = f"controlplane:{meta['labels'].pop(OWNER)}"
    applied: Body = next((e["fieldsV1"] for e in meta["managedFields"] if e["manager"] == manager), {})
    if not applied:
        return {}  # Endpoints and EndpointSlices take over their Service's labels
    theirs = {"clusterIP", "clusterIPs", "volumeName"} | ({"replicas"} - {f[2:] for f in applied.get("f:spec", {})})
    ours = applied["f:metadata"]
    return {
        "applied": applied,
        "labels": meta["labels"],
        "annotations": {
            k: v for k, v in meta.get("annotations", {}).items() if f"f:{k}" in ours.get("f:annotations", {})
        },
        "spec": {name: value for name, value in body.get("spec", {}).items() if name not in theirs},
        **{name: value for name, value in body.items() if name not in ("metadata", "spec", "status")},
    }
