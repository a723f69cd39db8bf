"""The plain renderer: every YAML and JSON file below a folder, as it is.

It reads the tree's objects directly; nothing is written to a disk and nothing is run.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.api.tree import EntryKind, LinkLeavesTree, Tree, TreeError, follow, join
from controlplane.render.errors import KustomizationInFolder, PathNotFound, RenderLimitExceeded, UnreadableTree

__all__ = ["KUSTOMIZATION_FILES", "SourceFile", "plain_files"]

KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_FILES = 20_000
_DEEPEST = 100  # folders within folders; Python ends at about 1,000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read: the path that people know it by, and where it really stands."""

    path: str
    real_path: str
    links: tuple[str, ...] = ()  # symbolic links that led there


def plain_files(tree: Tree, path: str) -> list[SourceFile]:
    """The files that the plain renderer reads at a path, which is a folder or one file; in the order of their paths.

    Names that begin with a dot are left out, whatever lies below them too; so are all but *.yaml, *.yml and *.json. Links
    to files are followed within the repository; links to folders are not (Git itself sees but a link there).
    Raises PathNotFound, KustomizationInFolder, UnreadableTree.
    """
    real, entry, links = _follow(tree, path)
    if entry is None:
        raise PathNotFound(f"the repository has no path {path or '.'}")
    if entry is EntryKind.BLOB:
        return [SourceFile(path, real, links)]
    if entry is EntryKind.MODULE:
        raise UnreadableTree("is a submodule, which is not fetched", path)
    found = []
    for file in _below(tree, real, 0):
        found.append(file)
        if len(found) > _MOST_FILES:
            raise RenderLimitExceeded(f"more than {_MOST_FILES} files below {path or '.'}")
    return found


def _below(tree: Tree, folder: str, depth: int) -> Iterator[SourceFile]:
    if depth > _DEEPEST:
        raise RenderLimitExceeded(f"folders more than {_DEEPEST} deep", folder)
    for entry in tree.entries(folder):
        path = join(folder, entry.name)
        if entry.name in KUSTOMIZATION_FILES:
            advice = "give it an Application of its own, or move it out" if depth else "say renderer: kustomize or auto"
            raise KustomizationInFolder(
                f"kustomize builds the folder {folder or '.'}, so it is no plain folder: {advice}", path
            )
        if entry.name.startswith("."):
            continue
        if entry.kind is EntryKind.TREE:
            yield from _below(tree, path, depth + 1)
        elif entry.kind is EntryKind.MODULE:
            raise UnreadableTree("is a submodule, which is not fetched", path)
        elif entry.name.endswith(_SUFFIXES):
            if entry.kind is EntryKind.BLOB:
                yield SourceFile(path, path)
                continue
            real, kind, links = _follow(tree, path)
            if kind is EntryKind.BLOB:
                yield SourceFile(path, real, links)
            elif kind is None:
                raise UnreadableTree("is a link to something that is not in the repository", path)


def _follow(tree: Tree, path: str) -> tuple[str, EntryKind | None, tuple[str, ...]]:
    try:
        real, entry, links = follow(tree, path)
    except LinkLeavesTree as err:
        raise UnreadableTree(err.message, err.path) from err
    except TreeError as err:
        raise UnreadableTree(err.message, err.path) from err
    return real, entry.kind if entry else None, links
