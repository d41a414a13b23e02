"""Gates between versions: reading one and looking for differences finds what trying all does.

The golden messages hold every member and every alternative of every version, so that every gate is
met and passed.
"""

from __future__ import annotations

import pytest
from golden_messages import Message, messages
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1 import codec
from dissectors.asn1.apart import gate, seeker
from dissectors.asn1.fits import Fitting, groups, regular_fit
from dissectors.asn1.versions import SPECS

NAMES = (("SGP.32",), ("SGP.22",), ("SGP.22", "SGP.32"))
ROWS = [row for row in messages() if not row.typed]
TYPES = sorted({row.type for row in ROWS})


def check(type_name: str, data: bytes) -> int:
    """Compare the plan of a type with trying every version; return how many plans decided."""
    decided = 0
    for names in NAMES:
        candidates = groups(type_name, names)
        if not candidates:
            continue
        one = Fitting(type_name, candidates)
        one.prepare()
        found = one.regular(data)
        fit = regular_fit(type_name, data, candidates)
        if found is None:
            # the newest version does not take it: then all are tried
            newest = candidates[-1]
            assert fit is None or not set(newest.specs) & set(fit.specs)
        else:
            assert fit is not None
            assert found == (fit.decoded, fit.specs)
            decided += 1
    return decided


@pytest.mark.parametrize("type_name", TYPES)
def test_golden_messages_as_their_type(type_name: str) -> None:
    for row in ROWS:
        if row.type == type_name:
            check(type_name, row.data)


def test_golden_messages_as_every_type_of_their_tag() -> None:
    decided = 0
    for row in ROWS:
        data = row.data
        for name in {row.type, *row.also}:
            decided += check(name, data)
    assert decided > 500


def test_gates_are_met_and_passed() -> None:
    """Both must happen often, or the gates are worth nothing or everything."""
    newest = codec.load("SGP.32@1.3")
    met = passed = 0
    for old in ("SGP.32@1.0.1", "SGP.32@1.1", "SGP.32@1.2"):
        older = codec.load(old)
        for row in ROWS:
            name = row.type
            if name not in newest or name not in older:
                continue
            decoded = newest.decode(name, row.data)
            if decoded.findings:
                continue
            seek = seeker(gate(newest.schema, older.schema, name))
            if seek is not None and seek(decoded.value):
                met += 1
            else:
                passed += 1
    assert met > 100
    assert passed > 500


def test_many_messages_are_read_like_the_first() -> None:
    for row in ROWS[:200]:
        one = Fitting(row.type, groups(row.type, ("SGP.22", "SGP.32")))
        first = one.decode(row.data)
        for _ in range(70):
            assert one.decode(row.data) == first


def test_a_version_has_no_gate_against_itself() -> None:
    for spec in SPECS:
        schema = codec.load(spec).schema
        for name in schema.types:
            found = gate(schema, schema, name)
            assert found is None or "DataObject" in name, (str(spec), name)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ROWS), st.integers(0, 400), st.binary(min_size=1, max_size=2))
def test_changed_messages(row: Message, place: int, octets: bytes) -> None:
    data = row.data
    place %= len(data) + 1
    check(row.type, data[:place] + octets + data[place + len(octets) :])
    check(row.type, data[:place] + octets + data[place:])
