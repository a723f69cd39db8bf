"""Network kinds whose health is not theirs at birth: the Service."""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, progressing

__all__ = ["RULES"]


def _service(live: Live) -> Health:
    # As in kstatus the outside address is not waited for: on a cluster without a load balancer it never comes.
    if text_in(live.spec, "type") == "LoadBalancer" and not text_in(live.spec, "clusterIP"):
        return progressing("it has no cluster IP yet")
    return HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {("", "Service"): _service}
