"""Render: a path of a tree -> objects, and the set of what was read. The one door of this package.

Small inputs are read where the caller stands. Larger ones are parsed in a thread: it holds the GIL for some milliseconds
at a time, while handing the result of another process back would hold it for as long as unpickling takes (docs/decisions).
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

from controlplane.api.manifest import Manifest
from controlplane.api.tree import EntryKind, LinkLeavesTree, NotAFile, Tree, clean_path, follow, join
from controlplane.render.errors import (
    InvalidYaml,
    PathNotFound,
    RenderError,
    RendererUnavailable,
    RenderLimitExceeded,
    UnreadableTree,
)
from controlplane.render.kustomize import build
from controlplane.render.limits import RenderLimits
from controlplane.render.manifests import distinct, manifests
from controlplane.render.plain import KUSTOMIZATION_FILES, plain_files
from controlplane.render.readset import ReadSet
from controlplane.render.yaml import Document, YamlError, load_all

__all__ = ["RenderLimits", "RenderRequest", "Rendered", "Renderer", "render"]

Renderer = Literal["plain", "kustomize", "helm"]
_IN_LINE_BYTES = 32 * 1024  # about 3 ms of parsing


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """What to render. path: from the repository's root; `.` is the root."""

    path: str
    renderer: Literal["auto", "plain", "kustomize", "helm"] = "auto"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of one path at one commit, in a fixed order, all different, none with a defaulted namespace yet."""

    manifests: tuple[Manifest, ...]
    reads: ReadSet
    renderer: Renderer


async def render(tree: Tree, request: RenderRequest, limits: RenderLimits) -> Rendered:
    """Render a path of a tree. The caller bounds how many run at once.

    Raises RenderError; its `reads` say what the failure depends on, where that is known.
    """
    path = clean_path(request.path)
    if path is None:
        raise PathNotFound(f"{request.path} is no path within the repository")
    looked_at = {path}
    try:
        try:
            real, entry, links = follow(tree, path)
        except LinkLeavesTree as err:
            raise UnreadableTree(err.message, err.path) from err
        looked_at |= {real, *links}
        if entry is None:
            raise PathNotFound(f"the repository has no path {path or '.'}")
        if entry.kind is EntryKind.MODULE:
            raise UnreadableTree("is a submodule, which is not fetched", path)
        renderer = _chosen(tree, real, request.renderer)
        if renderer == "plain":
            read_too, objects = await _plain(tree, real, limits)
            return Rendered(objects, ReadSet.of(tree, looked_at | read_too), renderer)
        if renderer == "kustomize":
            objects, reads = await _kustomize(tree, real, limits)
            return Rendered(objects, reads.with_more(tree, {path, *links} - {real}), renderer)
        raise RendererUnavailable(f"{path or '.'} needs {renderer}, which is not available yet", path)
    except RenderError as err:
        if err.reads is None and not err.transient:
            err.reads = ReadSet.of(tree, looked_at)
        raise


def _chosen(tree: Tree, path: str, wanted: str) -> Renderer:
    """The renderer for a real path. Everything that it looks at lies within the path."""
    match wanted:
        case "plain" | "kustomize" | "helm":
            return wanted
    if any(tree.entry(join(path, name)) for name in KUSTOMIZATION_FILES):
        return "kustomize"
    return "helm" if tree.entry(join(path, "Chart.yaml")) else "plain"


async def _plain(tree: Tree, path: str, limits: RenderLimits) -> tuple[set[str], tuple[Manifest, ...]]:
    files = plain_files(tree, path)
    contents: list[tuple[str, bytes]] = []
    total = 0
    for count, file in enumerate(files):
        try:
            data = tree.read(file.real_path, limits.yaml.bytes)
        except NotAFile as err:
            raise UnreadableTree(err.message, file.path) from err
        total += len(data)
        if total > limits.input_bytes:
            raise RenderLimitExceeded(f"more than {limits.input_bytes} bytes of YAML in one Application", path)
        contents.append((file.path, data))
        if count % 50 == 49:
            await asyncio.sleep(0)  # let others run between the look-ups, which hold the GIL
    read_too = {place for file in files if file.links for place in (*file.links, file.real_path)}
    if total <= _IN_LINE_BYTES:
        return read_too, _parse(contents, limits)
    return read_too, await asyncio.to_thread(_parse, contents, limits)


async def _kustomize(tree: Tree, path: str, limits: RenderLimits) -> tuple[tuple[Manifest, ...], ReadSet]:
    output, reads = await build(tree, path, limits)
    file = next((join(path, name) for name in KUSTOMIZATION_FILES if tree.entry(join(path, name))), path)
    try:
        if len(output) <= _IN_LINE_BYTES:
            return _built(output, file, limits), reads
        return await asyncio.to_thread(_built, output, file, limits), reads
    except RenderError as err:
        err.reads = reads
        raise


def _built(output: bytes, file: str, limits: RenderLimits) -> tuple[Manifest, ...]:
    """The objects of kustomize's output; its lines mean nothing to a person, so the kustomization file is their place."""
    try:
        documents = [Document(each.value, 0) for each in load_all(output, file=file, limits=limits.yaml)]
    except YamlError as err:
        raise InvalidYaml(f"what kustomize made cannot be read: {err.message}", file) from err
    return distinct(manifests(documents, file, limits.objects), limits.objects)


def _parse(contents: list[tuple[str, bytes]], limits: RenderLimits) -> tuple[Manifest, ...]:
    found: list[Manifest] = []
    for file, data in contents:
        try:
            documents = load_all(data, file=file, limits=limits.yaml)
        except YamlError as err:
            raise InvalidYaml(err.message, err.file, err.line) from err
        found.extend(manifests(documents, file, limits.objects))
    return distinct(found, limits.objects)
