"""Types that are built alike have one digest, and types that are not have two."""

from __future__ import annotations

import pytest

from dissectors.asn1 import codec
from dissectors.asn1 import model as m
from dissectors.asn1.digest import digests
from dissectors.asn1.versions import SPECS

NUMBER = m.Type((b"\x02",), m.Integer(), "INTEGER")
PLAIN = m.Sequence((m.Field("a", NUMBER),))


def digest(shape: m.Shape, tag: bytes = b"\x30") -> str:
    return digests(m.Schema("test", {"T": m.Type((tag,), shape, "T")}))["T"]


@pytest.mark.parametrize(
    "other",
    [
        m.Sequence((m.Field("a", NUMBER, optional=True),)),
        m.Sequence((m.Field("a", NUMBER, optional=True, default=1),)),
        m.Sequence((m.Field("a", NUMBER, optional=True, default=2),)),
        m.Sequence((m.Field("a", NUMBER), m.Field("b", NUMBER))),
        m.Sequence((m.Field("a", m.Type((b"\x80",), m.Integer(), "INTEGER")),)),
        m.Sequence((m.Field("a", m.Type((b"\x02",), m.Integer((), m.Range(0, 1)), "I")),)),
        m.Choice((m.Field("a", NUMBER),)),
        m.ListOf(NUMBER),
        m.ListOf(NUMBER, m.Range(1, 2)),
        m.ListOf(NUMBER, None, is_set=True),
        m.Bits(),
        m.Bits(((0, "a"),)),
        m.Octets(),
        m.Octets(m.Range(1, 2)),
    ],
    ids=str,
)
def test_what_is_built_otherwise_has_another_digest(other: m.Shape) -> None:
    assert digest(other) != digest(PLAIN)
    assert digest(other, b"\x31") != digest(other)


def test_names_do_not_count() -> None:
    named = m.Type((b"\x02",), m.Integer(((1, "one"),)), "Other")
    assert digest(m.Sequence((m.Field("b", named),))) == digest(PLAIN)
    assert digest(m.Bits(((0, "a"),))) == digest(m.Bits(((5, "b"), (6, "c"))))


def test_a_reference_is_what_it_refers_to() -> None:
    one = m.Schema("test", {"T": m.Type((b"\x30",), PLAIN, "T"),
                            "U": m.Type((b"\x30",), m.Ref("T"), "T")})  # fmt: skip
    assert digests(one)["T"] == digests(one)["U"]


def test_what_changed_between_versions_is_seen() -> None:
    older, newer = (codec.load(f"SGP.32@{one}") for one in ("1.2", "1.3"))
    assert older.digest("EuiccPackageErrorUnsigned") != newer.digest("EuiccPackageErrorUnsigned")
    # and in all that it stands in
    assert older.digest("GetEimPackageResponse") != newer.digest("GetEimPackageResponse")
    assert older.digest("EimAcknowledgements") == newer.digest("EimAcknowledgements")
    assert newer.digest("Nope") is None
    for spec in SPECS[1:]:
        assert codec.load(spec).digest("Iccid") == newer.digest("Iccid")
    assert codec.load("IFPP@0").digest("Iccid") != newer.digest("Iccid")
