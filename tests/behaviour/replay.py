"""A repository's real commits, one after the other: what each changed, and the tree before the first of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.behaviour.real_input import tree_of
from tests.testdata import testdata

__all__ = ["Commit", "History", "history_of"]


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
