from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_rows import octets, rows, valid_of
from scapy.packet import Packet, fuzz

from dissectors.asn1 import codec
from dissectors.asn1.versions import SPECS
from dissectors.layers import es9, es10b, es10c, es10f, es11, esbpp, esed1, esipa
from dissectors.layers.asn1_message import packet_class
from dissectors.layers.base import LayerError
from dissectors.layers.generate import message_classes
from dissectors.layers.message import RspMessage
from dissectors.spec.functions import FUNCTIONS, message_order

EID = "89049032123451234512345678901235"
POLL = bytes.fromhex("bf4f125a1089049032123451234512345678901235")


def built(row: dict[str, Any]) -> Packet:
    """Build a row's message from its value, member by member."""
    made = packet_class(row["type"])
    value, fields = row["value"], {}
    if made.sole:
        fields[made.sole] = value
    else:
        for name, member in value.items():
            if name in made.members:
                fields[made.members[name]] = True if member is None else member
            else:
                fields.setdefault("others", {})[name] = member
    return made(spec=row["specs"][-1], **fields)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_dissects_and_gives_the_same_bytes_back(row: dict[str, Any]) -> None:
    raw = octets(row)
    packet = packet_class(row["type"])(raw)
    assert bytes(packet) == raw
    assert bytes(packet.copy()) == bytes(copy.deepcopy(packet)) == raw
    # damaged bytes may fit another version better than the one that the row is about
    said = codec.load(packet.spec).decode(row["type"], raw)
    value = row["value"] if row["result"] == "valid" else said.value
    assert packet.value() == value or said.value is None
    assert packet.problems == said.findings
    assert packet.undecoded == (raw if said.value is None else b"")
    shown = packet.show(dump=True)
    assert all(one.code in shown for one in said.findings)


@pytest.mark.parametrize(
    "row", [row for row in rows() if row["result"] == "valid"], ids=lambda row: row["id"]
)
def test_builds_the_exact_bytes(row: dict[str, Any]) -> None:
    packet = built(row)
    assert bytes(packet) == octets(row)
    assert packet == packet_class(row["type"])(octets(row))


def test_every_message_type_has_a_dissect_and_a_build_row() -> None:
    without = [name for name in message_order() if not valid_of(name)]
    assert without == []


def test_members_of_every_version_are_fields() -> None:
    for name in message_order():
        for spec in SPECS:
            schema = codec.load(spec).schema
            if name in schema.types and spec.name in packet_class(name).spec_names:
                shape = schema.shape(schema.types[name])
                fields = getattr(shape, "fields", None) or getattr(shape, "arms", ())
                assert {field.name for field in fields} <= packet_class(name).members.keys()


def test_every_function_has_its_classes_in_its_file() -> None:
    for module, interface in ((esipa, "ESipa"), (es9, "ES9+"), (es11, "ES11"), (es10c, "ES10c"),
                              (es10f, "ES10f"), (esbpp, "Esbpp"), (esed1, "Esed1")):  # fmt: skip
        types = [n for f in FUNCTIONS if f.interface == interface for n in (f.request, f.response)]
        for name in filter(None, types):
            assert getattr(module, name) is packet_class(name)
            assert name in module.__all__
    assert es9.InitiateAuthenticationRequest is es11.InitiateAuthenticationRequest


def test_a_poll_is_built_and_shown() -> None:
    packet = esipa.GetEimPackageRequest(eidValue=EID)
    assert bytes(packet) == POLL
    assert bytes(esipa.GetEimPackageRequest(eidValue=bytes.fromhex(EID))) == POLL
    shown = packet.show(dump=True)
    assert "###[ GetEimPackageRequest ]###" in shown
    assert f"eidValue  = {EID} (EID {EID})" in shown
    assert "notifyStateChange" not in shown
    assert eval(packet.command(), vars(esipa)) == packet


def test_flags_are_true_or_absent() -> None:
    packet = esipa.GetEimPackageRequest(eidValue=EID, notifyStateChange=True)
    assert bytes(packet).hex() == "bf4f145a10890490321234512345123456789012358000"
    packet.notifyStateChange = False
    assert bytes(packet) == POLL
    del packet.notifyStateChange
    assert bytes(packet) == POLL


def test_versions_are_chosen() -> None:
    old = esipa.ProvideEimPackageResultResponse(spec="SGP.32@1.0.1")
    assert bytes(old).hex() == "bf5000"
    assert esipa.ProvideEimPackageResultResponse(bytes(old)).spec == "SGP.32@1.0.1"
    new = esipa.ProvideEimPackageResultResponse(emptyResponse={})
    assert bytes(new).hex() == "bf50023000"


def test_a_member_may_be_a_packet() -> None:
    result = packet_class("EimAcknowledgements")(elements=[1, 2])
    packet = esipa.ProvideEimPackageResultResponse(eimAcknowledgements=result)
    assert bytes(packet).hex() == "bf5009bf5306800101800102"


def test_a_change_is_encoded_and_nothing_else() -> None:
    raw = bytes.fromhex("bf4f8103020101")  # a length that is not minimal
    packet = esipa.GetEimPackageResponse(raw)
    assert bytes(packet) == raw
    packet.eimPackageError = "noEimPackageAvailable"
    assert bytes(packet) == raw  # nothing was changed
    packet.eimPackageError = "eidNotFound"
    assert bytes(packet).hex() == "bf4f03020102"
    row = next(r for r in valid_of("GetEimPackageResponse") if "euiccPackageRequest" in r["value"])
    nested = esipa.GetEimPackageResponse(octets(row))
    nested.euiccPackageRequest["euiccPackageSigned"]["counterValue"] = 77
    again = esipa.GetEimPackageResponse(bytes(nested))
    assert again.euiccPackageRequest["euiccPackageSigned"]["counterValue"] == 77


def test_unknown_members_stay() -> None:
    raw = bytes.fromhex("bf4f155a10890490321234512345123456789012358501aa")
    packet = esipa.GetEimPackageRequest(raw)
    assert packet.others == {"?85": "8501aa"}
    assert "?85: 8501aa" in packet.show(dump=True)
    packet.eidValue = "89049032123451234512345678901236"
    assert bytes(packet).hex() == raw.hex().replace("12358501aa", "12368501aa")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "eidValue: mandatory"),
        ({"eidValue": "zz"}, "eidValue"),
        ({"eidValue": "8904"}, "eidValue: 2 octets, SIZE is 16"),
        ({"eidValue": 5}, "eidValue"),
        ({"eidValue": EID, "spec": "SGP.99"}, "no such spec version"),
        ({"eidValue": EID, "spec": "SGP.22@2.7"}, "no type"),
        ({"eidValue": EID, "others": {"nonsense": 1}}, "nonsense: no such member"),
    ],
)
def test_what_cannot_be_built_is_told(fields: dict[str, Any], told: str) -> None:
    packet = esipa.GetEimPackageRequest(**fields)
    packet.show(dump=True)
    assert repr(packet)
    with pytest.raises(LayerError, match=told):
        bytes(packet)


def test_a_value_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(LayerError, match="too deep"):
        esipa.GetEimPackageRequest(eidValue=endless)


def test_names_of_members_hide_nothing_of_a_packet() -> None:
    taken = set(dir(RspMessage))
    for spec in SPECS:
        for name in codec.load(spec).names():
            made = packet_class(name)
            names = [field.name for field in made.fields_desc]
            assert len(set(names)) == len(names)
            assert taken.isdisjoint(made.members.values()), name


def test_an_unknown_type_is_told() -> None:
    with pytest.raises(LayerError, match="did you mean"):
        packet_class("GetEimPackageReques")


def test_packets_of_the_tables_can_be_pickled() -> None:
    packet = esipa.GetEimPackageRequest(POLL)
    again = pickle.loads(pickle.dumps(packet))
    assert again == packet


def test_summary_counts_problems() -> None:
    assert esipa.GetEimPackageRequest(POLL).summary() == "GetEimPackageRequest"
    assert esipa.GetEimPackageRequest(POLL[:-1]).summary() == "GetEimPackageRequest (3 problems)"


CLASSES = [made for i in ("ESipa", "ES9+", "ES10b") for made in message_classes(i).values()]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CLASSES), st.binary(min_size=1, max_size=300))
def test_any_bytes_are_dissected_and_kept(made: type[RspMessage], data: bytes) -> None:
    packet = made(data)
    assert bytes(packet) == data
    assert packet.problems or packet.value() is not None
    packet.show(dump=True)
    assert repr(packet)
    assert packet.summary()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(rows()), st.data())
def test_damaged_messages_are_dissected_and_kept(row: dict[str, Any], data: st.DataObject) -> None:
    raw = bytearray(octets(row))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    packet = packet_class(row["type"])(bytes(raw))
    assert bytes(packet) == bytes(raw)
    packet.show(dump=True)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CLASSES), st.data())
def test_any_values_are_built_or_refused(made: type[RspMessage], data: st.DataObject) -> None:
    names = list(made.members.values())
    chosen = data.draw(st.lists(st.sampled_from(names), max_size=4)) if names else []
    packet = made(**{name: data.draw(_PLAIN) for name in chosen})
    packet.show(dump=True)
    assert repr(packet)
    try:
        raw = bytes(packet)
    except LayerError:
        return
    assert bytes(made(raw)) == raw


def test_scapys_own_fuzzing_keeps_to_the_one_error() -> None:
    for made in CLASSES:
        try:
            bytes(fuzz(made()))
        except LayerError:
            continue


def test_es10_types_are_bound_to_their_interfaces() -> None:
    assert es10b.EuiccPackageRequest.__module__ == "dissectors.layers.es10b"
    assert "SGP.32 §5.9.1" in (es10b.EuiccPackageRequest.__doc__ or "")
