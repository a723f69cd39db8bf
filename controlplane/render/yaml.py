"""The one YAML loader of the system: bytes of a file or of a renderer's output -> JSON values with their lines.

It reads what sigs.k8s.io/yaml (kubectl) would read: libyaml finds the events, controlplane.render.scalars gives scalars
their values, and this module puts them together, because PyYAML's own composer is wrong for Kubernetes in four ways:
it refuses an anchor that is defined twice, takes duplicate keys, lets aliases grow without bound and recurses without bound.
Stricter than kubectl on purpose: a key given twice in one mapping is an error, since one of the two would be lost.

Everything here is synchronous and holds the GIL: about a million events a second. Callers with megabytes use a process.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # public in PyYAML, forgotten in its stubs
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from controlplane.render.json import JsonError, read_json
from controlplane.render.scalars import ScalarError, from_tagged, key_text, plain, raw_key

__all__ = ["Document", "YamlError", "YamlLimits", "dump", "load_all", "load_first"]

_MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """What one file may cost. The defaults admit the largest real input that we know (12 MB, 350,000 nodes) with room."""

    bytes: int = 64 * 1024 * 1024
    nodes: int = 4_000_000  # aliases count as what they expand to
    depth: int = 200  # orjson, which writes all that is read here, ends at 254
    documents: int = 50_000


@dataclass(frozen=True, slots=True)
class Document:
    """One document. Parts that an alias repeats are one and the same Python object: never change a value in place."""

    value: Any  # None, bool, int, float, str, list, dict with str keys
    line: int  # 1-based, of its first node


class YamlError(Exception):
    """The text is not YAML, or says something that no Kubernetes object can say."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file = file
        self.line = line  # 1-based; 0 = unknown
        self.message = message


def load_all(data: bytes, *, file: str, limits: YamlLimits = YamlLimits()) -> list[Document]:
    """Read every document of a file, YAML or JSON. Empty documents come as None.

    file: its path from the repository's root, for messages only (and `.json` says that an error is one of JSON).
    Raises YamlError, with the line where there is one.
    """
    if len(data) > limits.bytes:
        raise YamlError(file, 0, f"{len(data)} bytes, more than the {limits.bytes} that one file may have")
    failed: JsonError | None = None
    if data.lstrip()[:1] in (b"{", b"["):  # kubectl too reads such text as JSON first, then as YAML
        try:
            return [Document(value, line) for value, line in read_json(data, limits.depth, limits.nodes)]
        except JsonError as err:
            if err.final:
                raise YamlError(file, err.line, err.message) from err
            failed = err
    try:
        return list(_Reader(data, file, limits).documents())
    except YamlError:
        if failed and file.endswith(".json"):
            raise YamlError(file, failed.line, failed.message) from failed
        raise


def load_first(data: bytes, *, file: str, limits: YamlLimits = YamlLimits()) -> Any:
    """The value of the first document; what follows it is not looked at. None where there is none. Raises YamlError."""
    return next((document.value for document in _Reader(data, file, limits).documents()), None)


class _Anchor:
    """A named node. `nodes` and `depth` say what an alias to it expands to; None while the node is still open."""

    __slots__ = ("depth", "mapping", "nodes", "value")

    def __init__(self, value: Any, nodes: int | None, depth: int, mapping: bool) -> None:
        self.value, self.nodes, self.depth, self.mapping = value, nodes, depth, mapping


class _Merge:
    """Stands as the key while the value of `<<` is being read."""


_MERGE: Any = _Merge()
_NO_KEY: Any = object()  # the mapping waits for a key


class _Frame:
    """One open collection."""

    __slots__ = ("anchor", "deepest", "explicit", "first_node", "items", "key", "line")

    def __init__(self, items: Any, line: int, first_node: int, anchor: _Anchor | None) -> None:
        self.items: Any = items  # list or dict
        self.key: Any = _NO_KEY
        self.line = line  # of the key that waits for its value, else of the collection
        self.explicit: set[str] | None = None  # keys written out, once a merge made that differ from all keys
        self.first_node = first_node
        self.deepest = 0  # how many levels lie below
        self.anchor = anchor


class _Reader:
    """Turns the events of one file into documents. Holds the counters that bound the work."""

    def __init__(self, data: bytes, file: str, limits: YamlLimits) -> None:
        self._data, self._file, self._limits = data, file, limits
        self._nodes = 0
        self._aliased = 0
        self._words: dict[str, Any] = {}  # plain scalars repeat; this halves the time

    def documents(self) -> Iterator[Document]:
        try:
            parser = CParser(self._data)
            next_event: Callable[[], Any] = parser.get_event
            count = 0
            while True:
                event = next_event()
                if event.__class__ is DocumentStartEvent:
                    count += 1
                    if count > self._limits.documents:
                        raise self._error(event, f"more than {self._limits.documents} documents in one file")
                    yield self._document(next_event)
                elif event.__class__ is StreamEndEvent:
                    return
        except yaml.MarkedYAMLError as err:
            mark = err.problem_mark or err.context_mark
            message = ", ".join(part for part in (err.context, err.problem) if part)
            raise YamlError(self._file, mark.line + 1 if mark else 0, message or "not YAML") from err
        except yaml.reader.ReaderError as err:
            line = self._data.count(b"\n", 0, err.position) + 1
            raise YamlError(self._file, line, f"not YAML text: {err.reason}") from err
        except yaml.YAMLError as err:
            raise YamlError(self._file, 0, str(err)) from err

    def _document(self, next_event: Callable[[], Any]) -> Document:
        anchors: dict[str, _Anchor] = {}
        stack: list[_Frame] = []
        frame: _Frame | None = None
        self._nodes = self._aliased = 0
        words = self._words
        first: Any = None
        result: Any = None
        max_nodes = self._limits.nodes
        while True:
            event = next_event()
            kind = event.__class__
            alias: _Anchor | None = None
            if kind is ScalarEvent:
                self._nodes += 1
                if frame is not None and frame.key is _NO_KEY and frame.items.__class__ is dict:
                    frame.key = self._key(event, anchors)
                    frame.line = event.start_mark.line
                    if frame.key is not _MERGE:
                        self._check_new(frame, event)
                    first = first or event
                    continue
                if event.tag is None and event.implicit[0]:
                    text = event.value
                    try:
                        value = words[text]
                    except KeyError:
                        value = words[text] = self._scalar(event, plain, text)
                elif event.tag is None:
                    value = event.value
                else:
                    value = self._scalar(event, from_tagged, event.tag, event.value)
                if event.anchor is not None:
                    anchors[event.anchor] = _Anchor(value, 1, 0, False)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._nodes += 1
                if len(stack) >= self._limits.depth:
                    raise self._error(event, f"nested deeper than {self._limits.depth} levels")
                if frame is not None and frame.key is _NO_KEY and frame.items.__class__ is dict:
                    raise self._error(event, "a mapping or a list cannot be a key (is this a template?)")
                items: Any = {} if kind is MappingStartEvent else []
                anchor = None
                if event.anchor is not None:
                    anchor = anchors[event.anchor] = _Anchor(items, None, 0, kind is MappingStartEvent)
                frame = _Frame(items, event.start_mark.line, self._nodes, anchor)
                stack.append(frame)
                first = first or event
                continue
            elif kind is AliasEvent:
                alias = self._alias(event, anchors, len(stack))
                value = alias.value
                if frame is not None:
                    frame.deepest = max(
                        frame.deepest, alias.depth + (1 if alias.value.__class__ in (dict, list) else 0)
                    )
                    if frame.key is _NO_KEY and frame.items.__class__ is dict:
                        frame.key = self._scalar(event, key_text, value)
                        frame.line = event.start_mark.line
                        self._check_new(frame, event)
                        continue
            elif isinstance(event, CollectionEndEvent):
                done = stack.pop()
                value = done.items
                if done.anchor is not None:
                    done.anchor.nodes = self._nodes - done.first_node + 1
                    done.anchor.depth = done.deepest
                frame = stack[-1] if stack else None
                if frame is not None and frame.deepest <= done.deepest:
                    frame.deepest = done.deepest + 1
            elif kind is DocumentEndEvent:
                return Document(result, (first.start_mark.line if first is not None else event.start_mark.line) + 1)
            else:  # pragma: no cover - libyaml knows no other event inside a document
                raise self._error(event, "not YAML")
            if self._nodes > max_nodes:
                raise self._error(event, f"more than {max_nodes} nodes")
            if frame is None:
                result = value
                first = first or event
            elif frame.items.__class__ is list:
                frame.items.append(value)
            elif frame.key is _MERGE:
                self._merge(frame, value, alias, event)
                frame.key = _NO_KEY
            else:
                frame.items[frame.key] = value
                frame.key = _NO_KEY

    def _key(self, event: ScalarEvent, anchors: dict[str, _Anchor]) -> Any:
        text = event.value
        if event.tag is None:
            if not event.implicit[0]:
                key: Any = text
            elif text == "<<":
                return _MERGE
            else:
                key = self._scalar(event, raw_key, text)
        elif event.tag == _MERGE_TAG and text == "<<":
            return _MERGE
        else:
            key = self._scalar(event, key_text, self._scalar(event, from_tagged, event.tag, text))
        if event.anchor is not None:
            value = plain(text) if event.tag is None and event.implicit[0] else key
            anchors[event.anchor] = _Anchor(value, 1, 0, False)
        return key

    def _check_new(self, frame: _Frame, event: NodeEvent) -> None:
        seen = frame.items if frame.explicit is None else frame.explicit
        if frame.key in seen:
            raise self._error(event, f"key {frame.key!r} is given twice in one mapping")
        if frame.explicit is not None:
            frame.explicit.add(frame.key)

    def _alias(self, event: AliasEvent, anchors: dict[str, _Anchor], depth: int) -> _Anchor:
        name = str(event.anchor)
        anchor = anchors.get(name)
        if anchor is None:
            raise self._error(event, f"alias *{name} has no anchor before it")
        if anchor.nodes is None:
            raise self._error(event, f"anchor &{name} contains itself")
        if depth + anchor.depth >= self._limits.depth:
            raise self._error(event, f"nested deeper than {self._limits.depth} levels")
        self._nodes += 1 + anchor.nodes
        self._aliased += anchor.nodes
        if self._aliased > 100 and self._nodes > 1000 and self._aliased / self._nodes > _alias_share(self._nodes):
            raise self._error(event, "aliases expand to far more than the file holds")
        return anchor

    def _merge(self, frame: _Frame, value: Any, alias: _Anchor | None, event: NodeEvent) -> None:
        """`<<` takes over the keys of one mapping or of a list of them, of which the first wins.

        As in go-yaml v2, what stands later in the file wins: a key after `<<` replaces a merged one, a `<<` after a key too.
        """
        parts = [value] if alias is not None or value.__class__ is dict else value
        if parts.__class__ is not list or not all(part.__class__ is dict for part in parts):
            raise self._error(event, "the value of << must be a mapping or a list of mappings", frame.line)
        if frame.explicit is None:
            frame.explicit = set(frame.items)
        for part in reversed(parts):
            frame.items.update(part)

    def _scalar(self, event: NodeEvent, read: Callable[..., Any], *args: Any) -> Any:
        try:
            return read(*args)
        except ScalarError as err:
            raise self._error(event, str(err)) from err

    def _error(self, event: Any, message: str, line: int | None = None) -> YamlError:
        return YamlError(self._file, (event.start_mark.line if line is None else line) + 1, message)


def _alias_share(nodes: int) -> float:
    """How much of a document may come from aliases: go-yaml's rule, so that the same files pass as with kubectl."""
    low, high = 400_000, 4_000_000
    return 0.99 if nodes <= low else 0.10 if nodes >= high else 0.99 - 0.89 * (nodes - low) / (high - low)


class _Dumper(yaml.CSafeDumper):
    """Quotes every string that this loader, or PyYAML's stricter idea of plain text, would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text and not re.search(r"[ \t]\n|[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]|^\s", text):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    try:
        quote = None if plain(text) == text and isinstance(plain(text), str) else '"'
    except ScalarError:
        quote = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=quote)


_Dumper.add_representer(str, _represent_str)


def dump(value: Any) -> str:
    """Write one value as YAML that `load_all`, kubectl and people read back as the same value. Keys keep their order."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1))
