"""The signing recipes: what is covered, checked with a stranger's signature where there is one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import read_tlv, split, tlv
from sgprobe.crypto import keys, signing
from sgprobe.crypto.errors import SigningInputError
from sgprobe.data import data_dir

PACKAGES = json.loads((data_dir("vectors") / "kat" / "bpp.json").read_text())["cases"]
KEY = keys.derive_key("s", "signer", keys.Curve.P256)
SAMPLES = {
    tag: tlv(tag, b"contents") for tag in ("30", "BF27", "BF2F", "82", "80", "A6", "5F49", "84")
} | {"5F37": tlv("5F37", bytes(64))}


@pytest.mark.parametrize("case", PACKAGES, ids=lambda case: case["id"])
def test_a_stranger_s_smdp_sign_is_over_what_our_recipe_says(case: dict[str, str]) -> None:
    package = bytes.fromhex(case["bpp"])
    outer = read_tlv(package)
    first = read_tlv(package, outer.body)
    assert first.tag.hex() == "bf23"
    fields = [package[one.start : one.end] for one in split(package, first.body, first.end)]
    *covered, signature = fields
    curve = keys.Curve(case["curve"])
    public = keys.public_from_point(curve, bytes.fromhex(case["dppb_public"]))
    otpk = tlv("5F49", bytes.fromhex(case["otpk_euicc"]))
    assert signing.SMDP_SIGN.verify(public, signature, *covered, otpk)
    other = tlv("5F49", bytes.fromhex(case["otpk_dp"]))
    assert not signing.SMDP_SIGN.verify(public, signature, *covered, other)


@pytest.mark.parametrize("recipe", signing.RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_recipe_covers_each_part_in_order(recipe: signing.Recipe) -> None:
    parts = [SAMPLES[part.tag] for part in recipe.parts]
    assert recipe.covered(*parts) == b"".join(parts)
    signature = recipe.sign(KEY, *parts)
    assert signature[:3].hex() == "5f3740"
    assert recipe.verify(KEY.public_key(), signature, *parts)
    assert keys.verify(KEY.public_key(), signature[3:], b"".join(parts))
    for place, part in enumerate(parts):
        changed = list(parts)
        changed[place] = part[:-1] + bytes([part[-1] ^ 1])
        assert not recipe.verify(KEY.public_key(), signature, *changed)


# the same facts written down a second time, as tags alone
def test_the_table() -> None:
    tags = {name: [part.tag for part in one.parts] for name, one in signing.RECIPES.items()}
    assert tags == {
        "serverSignature1": ["30"],
        "euiccSignature1": ["30"],
        "smdpSignature2": ["30", "5F37"],
        "euiccSignature2": ["30", "5F37"],
        "smdpSign": ["82", "80", "A6", "5F49", "5F49"],
        "euiccSignPIR": ["BF27"],
        "euiccNotificationSignature": ["BF2F"],
        "euiccCancelSessionSignature": ["30"],
        "eimSignature": ["30", "84"],
        "euiccSignEPR": ["30", "84"],
        "euiccSignEPE": ["30", "84"],
        "signature": ["30"],
    }


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, "840100"),
        (0, "840100"),
        (1, "840101"),
        (127, "84017f"),
        (128, "84020080"),
        (-1, "8401ff"),
        (-128, "840180"),
        (-129, "8402ff7f"),
        (65535, "840300ffff"),
    ],
)
def test_association_token(value: int | None, encoded: str) -> None:
    assert signing.association_token(value).hex() == encoded


def test_a_part_must_be_the_tlv_itself() -> None:
    recipe = signing.SMDP_SIGNATURE2
    good = (SAMPLES["30"], SAMPLES["5F37"])
    for bad in (
        (good[0], good[1][3:]),  # r‖s without its header
        (good[0][2:], good[1]),
        (good[0] + b"\0", good[1]),
        (good[1], good[0]),
    ):
        with pytest.raises(SigningInputError):
            recipe.covered(*bad)
        assert not recipe.verify(KEY.public_key(), SAMPLES["5F37"], *bad)
    with pytest.raises(TypeError):
        recipe.covered(good[0])


@given(st.binary(max_size=80))
@settings(max_examples=80, deadline=None)
def test_any_octets_are_no_valid_signature(octets: bytes) -> None:
    for data in (octets, tlv("5F37", octets)):
        assert not signing.EUICC_SIGNATURE1.verify(KEY.public_key(), data, SAMPLES["30"])
        assert not signing.EUICC_SIGNATURE1.verify(KEY.public_key(), SAMPLES["5F37"], data)


def test_a_signature_tlv_has_64_octets() -> None:
    assert signing.signature_value(signing.signature_tlv(bytes(64))) == bytes(64)
    for bad in (tlv("5F37", bytes(63)), tlv("5F37", bytes(72)), tlv("5F38", bytes(64)), b""):
        with pytest.raises(SigningInputError):
            signing.signature_value(bad)
