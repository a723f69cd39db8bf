"""Which programs make a cluster, in the order of choice: KUBEBUILDER_ASSETS, our cached build, our own build."""

import os
from dataclasses import dataclass
from pathlib import Path

from hack.build import KUBERNETES, KWOK, build
from hack.errors import HackError

__all__ = ["Binaries", "find_binaries"]


@dataclass(frozen=True, slots=True)
class Binaries:
    """How each program's command line begins (our build is one program that takes the name as its first argument)."""

    etcd: tuple[str, ...]
    apiserver: tuple[str, ...]
    controller_manager: tuple[str, ...]
    scheduler: tuple[str, ...]
    kwok: tuple[str, ...]


def _assets() -> dict[str, tuple[str, ...]]:
    """What KUBEBUILDER_ASSETS holds. Raises HackError if it is set and lacks an API server or etcd."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    if not named:
        return {}
    programs = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    found: dict[str, tuple[str, ...]] = {
        p: (str(Path(named, p).resolve()),) for p in programs if os.access(Path(named, p), os.X_OK)
    }
    if missing := {"etcd", "kube-apiserver"} - found.keys():
        raise HackError(f"KUBEBUILDER_ASSETS={named} has no {' and no '.join(sorted(missing))}: correct or unset it")
    return found


async def find_binaries() -> Binaries:
    """Find all programs, building what is missing. Raises HackError."""
    assets = _assets()

    async def program(name: str) -> tuple[str, ...]:
        return assets.get(name) or (str(await build(KUBERNETES)), name)

    return Binaries(
        etcd=await program("etcd"),
        apiserver=await program("kube-apiserver"),
        controller_manager=await program("kube-controller-manager"),
        scheduler=await program("kube-scheduler"),
        kwok=(str(await build(KWOK)),),
    )
