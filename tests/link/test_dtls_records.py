"""The replay window against a plain set of everything seen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.dtls_records import Arrival, ReplayWindow


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 40), st.integers(0, 20_000)), max_size=60))
def test_each_number_is_new_once(numbers: list[int]) -> None:
    window = ReplayWindow()
    seen: dict[int, int] = {}
    top = -1
    for number in numbers:
        arrival = window.arrive(number)
        if number <= top - ReplayWindow.WIDTH:
            assert arrival is Arrival.STALE
            continue
        expected = (Arrival.NEW, Arrival.AGAIN, Arrival.AGAIN_TOLD)[min(seen.get(number, 0), 2)]
        assert arrival is expected
        seen[number] = seen.get(number, 0) + 1
        top = max(top, number)


def test_the_window_forgets_nothing_within_its_width() -> None:
    window = ReplayWindow()
    for number in range(10_000):
        assert window.arrive(number) is Arrival.NEW
    assert window.arrive(9_999 - ReplayWindow.WIDTH + 1) is Arrival.AGAIN
    assert window.arrive(9_999 - ReplayWindow.WIDTH) is Arrival.STALE
    assert window.arrive(1 << 47) is Arrival.NEW
    assert window.arrive(1 << 47) is Arrival.AGAIN
