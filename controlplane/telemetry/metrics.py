"""Metrics for Prometheus: how they are made, bounded and written. The only module that loads prometheus_client.

Each package keeps its own metrics in a module `metrics`, beside the code that counts. Names begin with controlplane_ and end
in their unit, or in _total. What others may choose (tenants, kinds) is a label only through Bounded.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "MOST_NAMES", "OTHER", "Bounded", "bounded", "counter", "exposition", "gauges", "histogram"]

MOST_NAMES: Final = 100
"""So many names of one label have series of their own; what comes after them counts as OTHER."""
OTHER: Final = "other"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

_registry = CollectorRegistry()
ProcessCollector(registry=_registry)


class Bounded:
    """Values of one label, first come first served: a process has series for so many, whatever it is asked to count."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._names: set[str] = set()

    def __call__(self, name: str) -> str:
        """The label's value for a name."""
        if name in self._names:
            return name
        if len(self._names) >= self._most or name == OTHER:
            return OTHER
        self._names.add(name)
        return name


def bounded(counts: Mapping[str, float], most: int = MOST_NAMES) -> dict[str, float]:
    """The largest of so many counts by their names, and the rest as OTHER: for what is counted anew with each scrape."""
    if len(counts) <= most:
        return dict(counts)
    order = sorted(counts, key=lambda name: (-counts[name], name))
    kept = {name: counts[name] for name in order[:most] if name != OTHER}
    kept[OTHER] = sum(count for name, count in counts.items() if name not in kept)
    return kept


def counter(name: str, what: str, *labels: str) -> Counter:
    """A count that only rises; it is written as controlplane_<name>_total."""
    return Counter(f"controlplane_{name}", what, labels, registry=_registry)


def histogram(name: str, what: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
    """Durations in seconds, by default."""
    return Histogram(f"controlplane_{name}", what, labels, buckets=buckets, registry=_registry)


def gauges(
    name: str, what: str, labels: tuple[str, ...], read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
) -> None:  # fmt: skip
    """What is true at the moment of a scrape: read gives label values and a number for each series.

    Of two of one name the younger is read. read runs in the event loop, so it may look at whatever lives there.
    """
    made = _Read(f"controlplane_{name}", what, labels, read)
    if name in _read:
        _registry.unregister(_read[name])
    _registry.register(made)
    _read[name] = made


class _Read(Collector):
    def __init__(
        self, name: str, what: str, labels: tuple[str, ...], read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    ) -> None:  # fmt: skip
        self._name, self._what, self._labels, self._read = name, what, labels, read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._what, labels=self._labels)
        for values, number in self._read():
            family.add_metric(values, number)
        yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(self._name, self._what, labels=self._labels)]


_read: dict[str, _Read] = {}


def exposition() -> bytes:
    """Everything, in Prometheus' text format (CONTENT_TYPE)."""
    return generate_latest(_registry)
