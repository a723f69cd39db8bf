"""Network kinds that are given an address from outside: Service and Ingress.

The address is waited for only where the cluster says that it has something that gives it: elsewhere it never comes.
"""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live, map_in, maps_in, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, progressing

__all__ = ["ADDRESSED", "RULES"]

ADDRESSED: Final = (("", "Service"), ("networking.k8s.io", "Ingress"))
"""The kinds that are given addresses: judged anew where the cluster says that something else gives them."""


def _addressed(live: Live) -> bool:
    return bool(maps_in(map_in(live.status, "loadBalancer"), "ingress"))


def _service(live: Live) -> Health:
    if text_in(live.spec, "type") != "LoadBalancer" or _addressed(live):
        return HEALTHY
    if not text_in(live.spec, "clusterIP"):
        return progressing("it has no cluster IP yet")
    if "LoadBalancer" in live.provides:
        return progressing("it has no address of a load balancer yet")
    return HEALTHY


def _ingress(live: Live) -> Health:
    if "Ingress" in live.provides and not _addressed(live):
        return progressing("it has no address of an ingress controller yet")
    return HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("extensions", "Ingress"): _ingress,
}
