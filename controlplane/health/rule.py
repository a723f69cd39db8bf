"""What a rule is: the shape of every entry in the tables of this package."""

from collections.abc import Callable
from typing import TypeAlias

from controlplane.health.live import Live
from controlplane.health.status import Health

__all__ = ["Rule"]

# A live object to its health. Never raises: it reads through Live only. Deletion, generations and the conditions
# Reconciling and Stalled are judged before it (standard.settled), so a rule speaks of its kind alone.
Rule: TypeAlias = Callable[[Live], Health]
