"""EID check digits and the wire forms of EIDs and ICCIDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.spec import identity

TEST_EID = "89049032123451234512345678901235"
digits = st.text("0123456789", min_size=30, max_size=30)


def test_the_public_test_eid_has_right_check_digits() -> None:
    assert identity.eid_check_digits(TEST_EID[:30]) == "35"
    assert identity.is_eid(TEST_EID)


@given(digits)
def test_every_made_eid_is_one(first30: str) -> None:
    eid = identity.make_eid(first30)
    assert identity.is_eid(eid)
    assert identity.eid_text(identity.eid_octets(eid)) == eid


@given(digits, st.integers(0, 31), st.integers(1, 9))
def test_one_changed_digit_is_seen(first30: str, place: int, add: int) -> None:
    eid = identity.make_eid(first30)
    other = str((int(eid[place]) + add) % 10)
    assert not identity.is_eid(eid[:place] + other + eid[place + 1 :])


def test_an_eid_is_not_nibble_swapped() -> None:
    assert identity.eid_octets(TEST_EID).hex() == TEST_EID


@pytest.mark.parametrize(
    ("digits", "octets"),
    [
        ("89000123456789012341", "98001032547698103214"),
        ("8900012345678901234", "980010325476981032f4"),
        ("890001234567890123", "980010325476981032ff"),
    ],
)
def test_iccid_nibbles_are_swapped_and_padded(digits: str, octets: str) -> None:
    assert identity.iccid_octets(digits).hex() == octets
    assert identity.iccid_text(bytes.fromhex(octets)) == digits


# the worked example of ITU-T E.118's own kind of number: the usual Luhn sample
def test_luhn() -> None:
    assert identity.luhn_digit("7992739871") == "3"
    assert identity.is_luhn("79927398713")
    assert not identity.is_luhn("79927398710")


@pytest.mark.parametrize("text", ["", "8904", TEST_EID[:-1] + "x", TEST_EID[:-1] + "\u0665"])
def test_no_eid(text: str) -> None:
    assert not identity.is_eid(text)
    with pytest.raises(identity.IdentityError):
        identity.eid_octets(text)


@given(st.binary(max_size=24))
def test_any_octets_give_digits_or_one_error(octets: bytes) -> None:
    for read in (identity.eid_text, identity.iccid_text):
        try:
            text = read(octets)
        except identity.IdentityError as error:
            text = str(error)
        assert len(text) < 200


@pytest.mark.parametrize("text", ["", "89", "8" * 21, "89000123456789012a4"])
def test_no_iccid(text: str) -> None:
    with pytest.raises(identity.IdentityError):
        identity.iccid_octets(text)
