"""What flow tables share: keys, names, shards, bounded memory."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.link.flows import Generations, Shard, ends, host, reverse

KEYS = st.one_of(st.binary(min_size=12, max_size=12), st.binary(min_size=36, max_size=36))


@given(KEYS)
def test_the_other_direction_is_the_same_flow(key):
    assert reverse(reverse(key)) == key
    assert ends(reverse(key)) == ends(key)[::-1]
    takers = [n for n in range(3) if not Shard(n, 3).foreign(key, reverse(key))]
    others = [n for n in range(3) if not Shard(n, 3).foreign(reverse(key), key)]
    assert len(takers) == 1
    assert takers == others


def test_shards_share_the_flows_evenly():
    keys = [b"\x0a\0\0\x01\x0a\0\0\x02" + n.to_bytes(2, "big") + b"\0\x50" for n in range(2000)]
    mine = sum(not Shard(0, 2).foreign(key, reverse(key)) for key in keys)
    assert 800 < mine < 1200


@pytest.mark.parametrize("shard", [(-1, 2), (2, 2), (0, 0)])
def test_a_shard_that_does_not_exist_is_refused(shard):
    with pytest.raises(ValueError, match="does not exist"):
        Shard(*shard)


@given(st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)))
def test_addresses_are_text_as_others_write_it(address):
    assert ipaddress.ip_address(host(address)).packed == address


def test_an_endpoint_with_an_ipv6_address():
    key = ipaddress.ip_address("2001:db8::1").packed * 2 + b"\x16\x33\x16\x34"
    assert [str(end) for end in ends(key)] == ["[2001:db8::1]:5683", "[2001:db8::1]:5684"]


def test_generations_keep_the_newest_half_at_least():
    kept: Generations[int] = Generations(100)
    for n in range(1000):
        kept.put(b"%d" % n, n)
        assert len(kept) <= 100
        for back in range(min(n, 49)):
            assert kept.get(b"%d" % (n - back)) == n - back
    assert kept.get(b"1") is None
    assert kept.pop(b"999") == 999
    assert kept.pop(b"999") is None
