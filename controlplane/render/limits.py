"""What one render may cost. Values for `render`, handed down from the hub's settings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from controlplane.render.manifests import ObjectLimits
from controlplane.render.yaml import YamlLimits

__all__ = ["RenderLimits", "SandboxMode"]

SandboxMode = Literal["unshare", "none"]


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """Bounds of one render. Times in seconds, sizes in bytes."""

    timeout_s: float = 60.0  # wall clock of the renderer's process
    memory_bytes: int = (
        2 << 30
    )  # of its data and heap; the largest real build that we know needs about 1 GiB with Go's reserve
    output_bytes: int = 64 << 20
    input_bytes: int = 64 << 20  # of all plain files of one Application, or of what is handed to kustomize
    sandbox: SandboxMode = "unshare"
    scratch_dir: Path | None = None  # where files for kustomize are written; None = the system's temporary folder
    yaml: YamlLimits = field(default_factory=YamlLimits)
    objects: ObjectLimits = field(default_factory=ObjectLimits)
