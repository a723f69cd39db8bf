"""The rules that hold for every kind, built in or not: deletion, generations, and the conditions that kstatus standardises.

A custom resource needs nothing else to be judged; a built-in kind's own rule is asked where these do not settle it.
Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from controlplane.health.live import Live, int_in
from controlplane.health.status import HEALTHY, Health, degraded, progressing, unknown

__all__ = ["by_ready", "settled", "terminating", "unobserved"]


def terminating(live: Live) -> Health | None:
    """Whether the object is being deleted; the message names what holds it. Reads metadata only."""
    if not live.meta.get("deletionTimestamp"):
        return None
    holders = live.meta.get("finalizers")
    names = [h for h in holders if isinstance(h, str)] if isinstance(holders, list) else []
    return progressing(f"terminating, held by {', '.join(names[:5])}" if names else "terminating")


def unobserved(live: Live) -> Health | None:
    """Whether the status is of an older generation than the object; None where it is not, or does not say.

    Milder than settled: a kind with a rule of its own may mean another thing by the number.
    """
    wanted, observed = int_in(live.meta, "generation"), int_in(live.status, "observedGeneration")
    if wanted is None or observed is None or observed >= wanted:
        return None
    return progressing(f"generation {wanted} is not observed yet, the status is of {observed}")


def settled(live: Live) -> Health | None:
    """What generations and the abnormal-true conditions say; None where they say nothing."""
    if "generation" in live.meta and "observedGeneration" in live.status:
        wanted, observed = int_in(live.meta, "generation"), int_in(live.status, "observedGeneration")
        if wanted is None or observed is None:
            # A status that does not say which generation it is about says nothing about this one.
            return unknown("metadata.generation or status.observedGeneration is not a whole number")
        if wanted != observed:
            return progressing(f"generation {wanted} is not observed yet, the status is of {observed}")
    # A controller sets one of the two. Should both be True, the one that it lists first counts, as in kstatus.
    for kind, condition in live.conditions.items():
        if kind in ("Stalled", "Reconciling") and condition.status == "True":
            verdict = degraded if kind == "Stalled" else progressing
            return verdict(str(condition) or kind.lower())
    return None


def by_ready(live: Live) -> Health:
    """The last word on a kind without a rule: its Ready condition. No such condition means Healthy.

    Ready=False counts as Progressing: most controllers set it from the first second on, and cannot say "never" with it.
    """
    ready = live.conditions.get("Ready")
    if ready is not None and ready.status in ("False", "Unknown"):
        return progressing(str(ready) or f"Ready is {ready.status}")
    return HEALTHY
