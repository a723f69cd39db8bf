"""How long heals take, and that what is remembered for it is bounded."""

from controlplane.agent.metrics import Drifts
from controlplane.api.keys import ObjectKey
from controlplane.telemetry.metrics import exposition


def key(name: str) -> ObjectKey:
    return ObjectKey("", "ConfigMap", "shop", name)


def read(series: str) -> float:
    found = [
        line.rpartition(" ")[2] for line in exposition().decode().splitlines() if line.rpartition(" ")[0] == series
    ]
    return float(found[0]) if found else 0.0


def test_a_heal_is_timed_from_the_drift_that_it_undoes() -> None:
    now = 100.0
    drifts = Drifts(lambda: now)
    took, count = "controlplane_drift_heal_seconds_sum", "controlplane_drift_heal_seconds_count"
    before = read(took), read(count)
    drifts.seen("metrics-one", key("a"))
    now = 150.0  # it came back by itself, and is changed again
    drifts.seen("metrics-one", key("a"))
    now = 150.5
    drifts.healed("metrics-one", key("a"))
    drifts.healed("metrics-one", key("b"))  # found after a restart: nobody knows since when
    assert (read(took) - before[0], read(count) - before[1]) == (0.5, 1)
    assert read('controlplane_drifts_total{tenant="metrics-one"}') == 2
    assert read('controlplane_drift_heals_total{tenant="metrics-one"}') == 2


def test_drifts_that_never_end_are_forgotten_oldest_first() -> None:
    drifts = Drifts(lambda: 0.0)
    count = read("controlplane_drift_heal_seconds_count")
    for number in range(10_001):
        drifts.seen("metrics-one", key(str(number)))
    drifts.healed("metrics-one", key("0"))
    assert read("controlplane_drift_heal_seconds_count") == count
    drifts.healed("metrics-one", key("10000"))
    assert read("controlplane_drift_heal_seconds_count") == count + 1
