"""Writes the CRDs of all kinds from their models: `python -m controlplane.api.crd crds/`.

The models are the contract; the CRDs are how the API server holds people and Git to it at admission. They are generated,
never edited: a unit test compares the folder with what this module writes.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.history import History
from controlplane.api.keys import GROUP, VERSION
from controlplane.api.model import DNS_LABEL, Kind, rules
from controlplane.api.repository import Repository
from controlplane.api.schema import Schema, structural
from controlplane.api.tenant import Tenant
from controlplane.api.work import Work

__all__ = ["KINDS", "Column", "KindInfo", "crd", "files", "main"]

_READY_CONDITION = '.status.conditions[?(@.type=="Ready")]'
_CATEGORY = "controlplane"  # `kubectl get controlplane -A` shows everything of ours

# On Tenant and Cluster: their names become parts of namespaces (tenant-<name>, 63 characters) and of labels.
_NAME_RULES = rules(
    (
        f"self.metadata.name.matches('{DNS_LABEL}') && size(self.metadata.name) <= 50",
        "the name must be a DNS label of at most 50 characters: lower-case letters, digits and -, such as payments-eu",
    ),
    (
        (
            "!(self.metadata.name in ['platform', 'system', 'default']) && "
            "!self.metadata.name.startsWith('kube-') && !self.metadata.name.startsWith('controlplane-')"
        ),
        "platform, system, default, kube-* and controlplane-* are reserved: choose another name, such as team-platform",
    ),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; priority 1 shows it with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What a CRD says of a kind beside its schema."""

    model: type[Kind]
    plural: str
    short: str
    namespaced: bool
    columns: tuple[Column, ...]

    @property
    def kind(self) -> str:
        """The kind, which is the model's name."""
        return self.model.__name__

    @property
    def name(self) -> str:
        """The CRD's name."""
        return f"{self.plural}.{GROUP}"


_READY = Column("Ready", _READY_CONDITION + ".status")
_REASON = Column("Reason", _READY_CONDITION + ".reason")
_MESSAGE = Column("Message", _READY_CONDITION + ".message", priority=1)
_REVISION = Column("Revision", ".status.revision")
_AGE = Column("Age", ".metadata.creationTimestamp", "date")

KINDS: tuple[KindInfo, ...] = (
    KindInfo(
        Tenant, "tenants", "tn", False,
        (
            _READY, Column("Clusters", ".status.clusters", "integer"),
            Column("Applications", ".status.applications", "integer"), _MESSAGE, _AGE,
        ),
    ),
    KindInfo(
        Cluster, "clusters", "cl", False,
        (
            _READY, _REASON, Column("Version", ".status.agent.version"),
            Column("Kubernetes", ".status.agent.kubernetes", priority=1), _MESSAGE, _AGE,
        ),
    ),
    KindInfo(
        Repository, "repositories", "repo", True,
        (Column("URL", ".spec.url"), _READY, _REVISION, _REASON, _MESSAGE, _AGE),
    ),
    KindInfo(
        Application, "applications", "app", True,
        (
            _READY, _REASON, _REVISION, Column("Clusters", ".status.clusters.total", "integer", 1),
            Column("Children", ".status.children.total", "integer", 1), _MESSAGE, _AGE,
        ),
    ),
    KindInfo(
        Work, "works", "wk", True,
        (
            Column("Tenant", ".spec.tenant"), Column("State", ".spec.state"), _READY, _REASON, _REVISION,
            Column("Digest", ".status.digest", priority=1), _MESSAGE, _AGE,
        ),
    ),
    KindInfo(
        History, "histories", "hist", True,
        (
            Column("Newest", ".spec.deliveries[0].revision"), Column("Outcome", ".spec.deliveries[0].outcome"),
            Column("Started", ".spec.deliveries[0].started", "date"),
        ),
    ),
)  # fmt: skip


def crd(info: KindInfo) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind, ready to be applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": info.name, "labels": {"app.kubernetes.io/part-of": "controlplane"}},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": info.kind,
                "listKind": f"{info.kind}List",
                "plural": info.plural,
                "singular": info.kind.lower(),
                "shortNames": [info.short],
                "categories": [_CATEGORY],
            },
            "scope": "Namespaced" if info.namespaced else "Cluster",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema(info)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(each) for each in info.columns],
                }
            ],
        },
    }


def files() -> dict[str, str]:
    """File name -> YAML text of each CRD."""
    return {f"{info.name}.yaml": _yaml(crd(info)) for info in KINDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the CRDs into the folder that the one argument names; files of other kinds there are removed."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        sys.stderr.write("usage: python -m controlplane.api.crd FOLDER\n")
        return 2
    folder = Path(given[0])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = files()
    for stale in folder.glob(f"*.{GROUP}.yaml"):
        if stale.name not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


def _schema(info: KindInfo) -> Schema:
    fields = info.model.model_fields
    spec, status = (
        structural(_model(fields["spec"]), defaults=True),
        structural(_model(fields["status"]), defaults=False),
    )
    if not fields["spec"].is_required() and any("default" in field for field in spec["properties"].values()):
        spec["default"] = {}  # a Tenant without a spec is a tenant with all the defaults
    conditions = status["properties"]["conditions"]
    conditions |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {
        "description": " ".join((info.model.__doc__ or "").split()),
        "type": "object",
        **({} if info.namespaced else _NAME_RULES),
        **({"required": ["spec"]} if fields["spec"].is_required() else {}),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }


def _model(field: FieldInfo) -> type[BaseModel]:
    model = field.annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(f"spec and status are models: {model}")
    return model


def _column(column: Column) -> dict[str, Any]:
    out: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**out, "priority": column.priority} if column.priority else out


class _Dumper(yaml.SafeDumper):
    """Without anchors: the same rule stands in several places, and each place is read by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(document: dict[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return "# Generated from controlplane/api by `make crds`. Do not edit.\n" + text


if __name__ == "__main__":
    sys.exit(main())
