"""Random damage: never nothing, the same from one seed, bounded, each kind of change."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.versions import parse_spec
from sgprobe.cases.planned import Damage
from sgprobe.engine.message.damage import change_of, damage_body
from sgprobe.engine.message.scramble import scrambled

SPEC = parse_spec("SGP.32@1.2")
POLL = bytes.fromhex("BF4F125A1089049032123451234512345678901235")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 8), st.text(max_size=8))
def test_it_is_never_what_it_was_and_never_much_longer(data: bytes, count: int, seed: str) -> None:
    made = scrambled(data, count, seed)
    assert made != data
    assert len(made) <= len(data) + 8 * count
    assert scrambled(data, count, seed) == made


def test_seeds_differ() -> None:
    made = {scrambled(POLL, 1, str(seed)) for seed in range(200)}
    assert len(made) > 100
    sizes = {len(one) - len(POLL) for one in made}
    assert min(sizes) < 0 < max(sizes)
    assert 0 in sizes


def test_an_element_keeps_a_right_tag_and_length() -> None:
    for seed in range(50):
        made = change_of(Damage("scramble", f"2 {seed}"))(POLL)
        assert made[:2] == POLL[:2]
        assert len(made) == 3 + made[2] or made[2] & 0x80
        assert made != POLL


def test_a_whole_message_is_scrambled_anywhere() -> None:
    made = {
        damage_body(POLL, "GetEimPackageRequest", SPEC, (), Damage("scramble", f"1 {seed}"),
                    is_json=False)[:3]
        for seed in range(200)
    }  # fmt: skip
    assert len(made) > 3
