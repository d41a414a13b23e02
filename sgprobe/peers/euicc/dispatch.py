"""Which function a command TLV asks for, and what a command gets that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from dissectors.asn1.codec import Codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc import (
    authentication,
    bpp,
    crls,
    download,
    eims,
    emergency,
    factory,
    fallback,
    immediate,
    info,
    listing,
    local,
    notifications,
    packages,
    reset,
    rollback,
)
from sgprobe.peers.euicc.dialect import Dialect, faults
from sgprobe.peers.euicc.status import BAD_DATA, CONDITIONS, REFERENCE_NOT_FOUND
from sgprobe.peers.euicc.turn import Turn

UNDEFINED = 127

# of a function that answers a value, and of one that reads and writes signed octets
ValueHandler = Callable[[Turn, Value], "Value | bytes"]
RawHandler = Callable[[Turn, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One function: its types, who carries it out, and its answer to contents it cannot read."""

    request: str
    response: str
    handler: ValueHandler | None = None
    raw: RawHandler | None = None
    error: Value = None
    # of ES10c: offered where the configuration says so
    local: bool = False
    # with the types of SGP.22, although SGP.32 has types of these names
    rsp: bool = False


def _entry(
    name: str, handler: ValueHandler, error: Value = None, *, local: bool = False, rsp: bool = False
) -> Entry:
    return Entry(f"{name}Request", f"{name}Response", handler, None, error, local, rsp)


def _result(member: str) -> Value:
    return {member: UNDEFINED}


_ENTRIES: tuple[Entry, ...] = (
    _entry("GetEuiccChallenge", authentication.challenge),
    Entry("AuthenticateServerRequest", "", raw=authentication.authenticate),
    Entry("PrepareDownloadRequest", "", raw=download.prepare),
    _entry("CancelSession", authentication.cancel, _result("cancelSessionResponseError")),
    _entry("LoadCRL", crls.load, {"loadCRLResponseError": 2}),
    _entry("EuiccConfiguredAddresses", info.addresses),
    _entry(
        "SetDefaultDpAddress",
        info.set_default_address,
        _result("setDefaultDpAddressResult"),
        rsp=True,
    ),
    _entry("SetDefaultDpAddress", info.set_default_address, _result("setDefaultDpAddressResult")),
    Entry("GetEuiccInfo1Request", "EUICCInfo1", info.info1),
    Entry("GetEuiccInfo2Request", "EUICCInfo2", info.info2),
    _entry("GetEuiccData", info.eid),
    _entry("GetRat", info.rat),
    _entry("GetCerts", info.certificates, _result("getCertsError")),
    _entry("IpaeActivation", info.activate_ipae),
    _entry("GetConnectivityParameters", info.connectivity, _result("connectivityParametersError")),
    _entry(
        "ListNotification", notifications.list_metadata, _result("listNotificationsResultError")
    ),
    _entry(
        "RetrieveNotificationsList", notifications.retrieve, _result("notificationsListResultError")
    ),
    _entry("NotificationSent", notifications.remove, _result("deleteNotificationStatus")),
    _entry("ProfileInfoList", listing.profiles, {"profileInfoListError": listing.INCORRECT_INPUT}),
    _entry("EnableProfile", local.enable, _result("enableResult"), local=True),
    _entry("DisableProfile", local.disable, _result("disableResult"), local=True),
    _entry("DeleteProfile", local.delete, _result("deleteResult"), local=True),
    _entry("SetNickname", local.nickname, _result("setNicknameResult"), local=True),
    _entry("EuiccMemoryReset", reset.consumer, _result("resetResult"), local=True, rsp=True),
    _entry("EuiccMemoryReset", reset.iot, _result("resetResult")),
    Entry("EuiccPackageRequest", "", raw=packages.load),
    _entry("AddInitialEim", eims.add_initial, {"addInitialEimError": eims.COMMAND_ERROR}),
    _entry("GetEimConfigurationData", eims.get_configuration),
    _entry("ImmediateEnable", immediate.enable, _result("immediateEnableResult")),
    _entry(
        "ConfigureImmediateProfileEnabling",
        immediate.configure_unsigned,
        _result("configImmediateEnableResult"),
    ),
    _entry("ProfileRollback", rollback.rollback, _result("cmdResult")),
    _entry("ExecuteFallbackMechanism", fallback.execute, _result("executeFallbackMechanismResult")),
    _entry("ReturnFromFallback", fallback.return_from, _result("returnFromFallbackResult")),
    _entry("EnableEmergencyProfile", emergency.enable, _result("enableEmergencyProfileResult")),
    _entry("DisableEmergencyProfile", emergency.disable, _result("disableEmergencyProfileResult")),
)


@lru_cache(maxsize=8)
def _table(spoken: Dialect) -> dict[bytes, Entry]:
    """Return the functions of a version by the tag of their command."""
    table: dict[bytes, Entry] = {}
    for entry in _ENTRIES:
        source = _codec(spoken, entry)
        # a version without the function has no type for it
        if entry.request in source:
            (tag,) = source.schema.first_tags(source.type(entry.request))
            table[tag] = entry
    return table


def _codec(spoken: Dialect, entry: Entry) -> Codec:
    return spoken.rsp if entry.rsp else spoken.codec


def command_tag(command: bytes) -> bytes:
    """Return the tag of a command, which must be one whole TLV."""
    try:
        element = read_tlv(command)
    except TlvError:
        raise CardFailure(BAD_DATA) from None
    if element.end != len(command):
        raise CardFailure(BAD_DATA)
    return element.tag


def dispatch(turn: Turn, command: bytes) -> bytes:
    """Carry out one command TLV; CardFailure has the status word where no TLV can answer."""
    if command[:2] == bpp.BPP or (turn.session.loader is not None and command[:1] in bpp.PARTS):
        # the pieces of a package are no whole TLVs
        return bpp.load(turn, command)
    factory.guard(turn, command)
    spoken, tag = turn.chip.dialect, command_tag(command)
    if tag[:1] == factory.FIRST_OCTET:
        return factory.command(turn, tag, command)
    entry = _table(spoken).get(tag)
    if entry is None:
        raise CardFailure(REFERENCE_NOT_FOUND)
    closed = entry.local and not turn.chip.config.local_management
    if turn.broken("EUICC.LOCAL-MANAGEMENT", closed):
        raise CardFailure(CONDITIONS)
    if entry.raw is not None:
        return entry.raw(turn, command)
    source = _codec(spoken, entry)
    decoded = (
        source.decode(entry.request, command)
        if entry.rsp
        else spoken.decode(entry.request, command)
    )
    assert entry.handler is not None
    answer = entry.error if faults(decoded) else entry.handler(turn, decoded.value)
    if answer is None:
        raise CardFailure(BAD_DATA)
    if isinstance(decoded.value, dict) and decoded.value.get("refreshFlag") is False:
        # SGP.22 §5.7.16: without the flag the device resets the eUICC itself
        turn.refresh = False
    if isinstance(answer, bytes):
        return answer
    return (
        source.encode(entry.response, answer)
        if entry.rsp
        else spoken.encode(entry.response, answer)
    )
