"""However many names there are, a label has so many values."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.telemetry.metrics import OTHER, Bounded, bounded, counter, exposition, gauges

names = st.text(alphabet="abc", min_size=1, max_size=4)


@given(st.lists(names), st.integers(1, 5))
def test_a_label_has_at_most_so_many_values_and_other(asked: list[str], most: int) -> None:
    label = Bounded(most)
    told = [label(name) for name in asked]
    assert len(set(told) - {OTHER}) <= most
    assert all(one in (name, OTHER) for one, name in zip(told, asked, strict=True))
    assert [label(name) for name in asked] == told  # a name keeps its series


@given(st.dictionaries(names, st.integers(0, 9)), st.integers(1, 5))
def test_counts_are_bounded_and_none_is_lost(counts: dict[str, float], most: int) -> None:
    kept = bounded(counts, most)
    assert len(kept) <= most + 1
    assert sum(kept.values()) == sum(counts.values())
    smallest = min((kept[name] for name in kept if name != OTHER), default=0)
    assert all(counts[name] <= smallest for name in counts if name not in kept) or len(counts) <= most


def test_a_thousand_tenants_are_a_hundred_series() -> None:
    label, made = Bounded(), counter("test_deliveries", "Of a test.", "tenant")
    for number in range(1000):
        made.labels(label(f"team-{number}")).inc()
    lines = [
        line for line in exposition().decode().splitlines() if line.startswith("controlplane_test_deliveries_total{")
    ]
    assert len(lines) == 101
    assert 'controlplane_test_deliveries_total{tenant="other"} 900.0' in lines


def test_the_younger_of_two_gauges_is_read() -> None:
    gauges("test_things", "Of a test.", ("state",), lambda: [(("old",), 1.0)])
    gauges("test_things", "Of a test.", ("state",), lambda: [(("new",), 2.0)])
    text = exposition().decode()
    assert 'controlplane_test_things{state="new"} 2.0' in text
    assert "old" not in "".join(line for line in text.splitlines() if "test_things" in line)
