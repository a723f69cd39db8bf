"""Which files a kustomize build reads, found by following its kustomization files before anything is run.

It serves three ends at once. Only these files are laid out for kustomize, so a build can read nothing else. They are the
build's read set, so the next commit knows whether to build again. And what would come from the network is found and named.

Where it cannot be said (a kustomization file that our loader cannot read), the answer is not certain, and everything is
laid out. Looking at too much is harmless, so strings in configurations of generators and transformers count as paths
wherever a file of that name stands.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from controlplane.api.tree import EntryKind, LinkLeavesTree, Tree, TreeError, clean_path, follow, join
from controlplane.render.errors import RemoteBase, RendererUnavailable, RenderLimitExceeded, UnreadableTree
from controlplane.render.plain import KUSTOMIZATION_FILES
from controlplane.render.yaml import YamlError, load_all

__all__ = ["Closure", "closure", "is_remote"]

_MOST_PATHS = 20_000
_MOST_FILE_BYTES = 4 * 1024 * 1024  # of a kustomization or configuration file; resources may be larger
_REMOTE = re.compile(
    r"(?i)[a-z][a-z0-9+.-]*://|git::|gh:|(github|gitlab|bitbucket)\.(com|org)[/:]|[a-z0-9_.-]+@[a-z0-9.-]+[:/]"
)

# Fields of a kustomization file whose values are paths, and what may stand at the end of such a path.
_FILES_OR_ROOTS = ("resources", "bases", "components")
_CONFIGURATIONS = ("generators", "transformers", "validators")  # a path to a file or a root, or the object itself
_FILES = ("configurations", "crds", "patchesStrategicMerge")  # the last one also takes patches themselves
_WITH_PATH = ("patches", "patchesJson6902", "replacements")  # lists of mappings with a `path`; patches also of paths
_FROM_FILES = ("configMapGenerator", "secretGenerator")
_HELM = ("helmCharts", "helmChartInflationGenerator")


@dataclass(slots=True)
class Closure:
    """What a build looks at."""

    files: set[str] = field(default_factory=set)  # real paths of the files that it reads
    links: set[str] = field(default_factory=set)  # links on the way to them
    missing: set[str] = field(default_factory=set)  # looked up, and not there
    roots: set[str] = field(default_factory=set)  # folders with a kustomization file
    certain: bool = True

    def paths(self) -> set[str]:
        """All of them, for a read set."""
        return self.files | self.links | self.missing


def is_remote(path: str) -> bool:
    """Whether kustomize would take a path to a server: a URL, or one of the short forms for Git hosts."""
    return _REMOTE.match(path) is not None


def closure(tree: Tree, folder: str) -> Closure:
    """Follow the kustomization file of a folder (a real path) and everything that it names.

    Raises RemoteBase, RendererUnavailable (Helm charts), UnreadableTree (a path that leaves the repository).
    """
    found = Closure()
    todo = [folder]
    while todo:
        root = todo.pop()
        if root not in found.roots:
            found.roots.add(root)
            todo.extend(_Root(tree, root, found).read())
        if len(found.files) + len(found.missing) + len(found.roots) > _MOST_PATHS:
            raise RenderLimitExceeded(f"the build names more than {_MOST_PATHS} paths", folder)
    return found


class _Root:
    """One folder with a kustomization file."""

    def __init__(self, tree: Tree, folder: str, found: Closure) -> None:
        self._tree, self._folder, self._found = tree, folder, found
        self._file = folder  # of the kustomization file, for messages
        self._more: list[str] = []

    def read(self) -> list[str]:
        """Note what this folder's build reads; returns the folders that it builds on."""
        for name in KUSTOMIZATION_FILES:
            real = self._look(join(self._folder, name))
            if real is not None:
                self._file = join(self._folder, name)
                self._kustomization(self._load(real))
        return self._more

    def _kustomization(self, documents: list[Any]) -> None:
        if len(documents) != 1 or not isinstance(documents[0], dict):
            self._found.certain = False
            return
        fields: dict[str, Any] = documents[0]
        for name in _HELM:
            if fields.get(name):
                raise RendererUnavailable(f"{name} needs helm, which is not available yet", self._file)
        for name in _FILES_OR_ROOTS:
            for path in _strings(fields.get(name)):
                self._resource(path, name)
        for name in _CONFIGURATIONS:
            for path in _strings(fields.get(name)):
                self._configuration(path, name)
        for name in _FILES:
            for path in _strings(fields.get(name)):
                self._path(path, name)
        for name in _WITH_PATH:
            for path in _strings(fields.get(name)):
                self._path(path, name)
            for entry in _mappings(fields.get(name)):
                if isinstance(entry.get("path"), str):
                    self._path(entry["path"], name)
        for name in _FROM_FILES:
            for entry in _mappings(fields.get(name)):
                self._generator(entry, name)
        openapi = fields.get("openapi")
        if isinstance(openapi, dict) and isinstance(openapi.get("path"), str):
            self._path(openapi["path"], "openapi")

    def _generator(self, entry: dict[str, Any], field_name: str) -> None:
        for path in _strings(entry.get("files")):
            self._path(path.partition("=")[2] or path, field_name)
        for path in _strings(entry.get("envs")):
            self._path(path, field_name)
        if isinstance(entry.get("env"), str):
            self._path(entry["env"], field_name)

    def _resource(self, path: str, field_name: str) -> str | None:
        """A file, or a folder that is built. Returns the file's real path."""
        clean = self._within(path, field_name)
        if clean is None:
            return None
        real, entry = self._follow(clean)
        if entry is EntryKind.TREE:
            self._more.append(real)
        elif entry is EntryKind.MODULE:
            raise UnreadableTree(f"{path} is a submodule, which is not fetched", self._file)
        elif entry is EntryKind.BLOB:
            self._found.files.add(real)
            return real
        else:
            self._found.missing.add(real)
        return None

    def _configuration(self, path: str, field_name: str) -> None:
        """The settings of a generator or transformer: given as they are, in a file, or by a folder that is built."""
        if "\n" in path:
            self._settings(self._parse(path.encode()))
            return
        file = self._resource(path, field_name)
        if file is not None:
            self._settings(self._load(file))
        elif self._more:
            # What a built folder gives is configuration too: whatever it names is looked up from here.
            self._found.certain = False

    def _settings(self, documents: list[Any]) -> None:
        for text in _all_strings(documents):
            for path in (text, text.partition("=")[2]):
                if path and "\n" not in path and len(path) < 1024:
                    if is_remote(path):
                        continue  # most are no paths at all; kustomize has no network anyway
                    clean = clean_path(join(self._folder, path))
                    if clean:
                        real, entry = self._follow(clean)
                        if entry is EntryKind.BLOB:
                            self._found.files.add(real)
                        elif entry is None and "/" in path or path.endswith((".yaml", ".yml", ".json")):
                            self._found.missing.add(real)

    def _path(self, path: str, field_name: str) -> None:
        """A file, where what stands in the field may also be the content itself."""
        if "\n" in path or path.lstrip().startswith(("{", "[")):
            return
        clean = self._within(path, field_name)
        if clean is not None:
            self._look(clean)

    def _within(self, path: str, field_name: str) -> str | None:
        if is_remote(path):
            raise RemoteBase(
                f"{field_name} names {path}: nothing is fetched while rendering; copy it into the repository",
                self._file,
            )
        if not path or path.startswith("/") or "\0" in path:
            return None  # kustomize says what is wrong with it
        clean = clean_path(join(self._folder, path))
        if clean is None:
            raise UnreadableTree(f"{field_name} names {path}, which is not in the repository", self._file)
        return clean

    def _look(self, path: str) -> str | None:
        """Note a path as read or as missing; returns the real path of a file."""
        real, entry = self._follow(path)
        if entry is EntryKind.BLOB:
            self._found.files.add(real)
            return real
        if entry is None:
            self._found.missing.add(real)
        return None

    def _follow(self, path: str) -> tuple[str, EntryKind | None]:
        try:
            real, entry, links = follow(self._tree, path)
        except LinkLeavesTree as err:
            raise UnreadableTree(err.message, err.path) from err
        self._found.links.update(links)
        return real, entry.kind if entry else None

    def _load(self, path: str) -> list[Any]:
        try:
            return self._parse(self._tree.read(path, _MOST_FILE_BYTES))
        except TreeError:
            self._found.certain = False
            return []

    def _parse(self, data: bytes) -> list[Any]:
        try:
            return [document.value for document in load_all(data, file=self._file) if document.value is not None]
        except YamlError:
            self._found.certain = False  # kustomize has the last word on what it can read
            return []


def _strings(value: Any) -> Iterator[str]:
    """The strings of a list; a single string counts as a list of one, as it does for kustomize in places."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, dict):
            yield each


def _all_strings(values: Iterable[Any]) -> Iterator[str]:
    todo = list(values)
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
