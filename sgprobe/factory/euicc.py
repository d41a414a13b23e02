"""Any eUICC whose factory phase is spoken to by command TLVs that a table describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dissectors.link.apdu import ISDR_AID, ResponseApdu, get_response, select, store_data
from sgprobe.factory.model import (
    AdapterError,
    Capabilities,
    ContextVerdict,
    ErrorClass,
    EuiccState,
    PreboundPackage,
    ProfileState,
    Raw,
    SegmentVerdict,
)
from sgprobe.factory.table import NoMessage, Table, build, decode, encode, read

_ROUNDS = 1024
_NO_CHALLENGE = bytes(16)
_PHASE = 0x6985


class TableEuicc:
    """An eUICC as a table says; `send` answers APDUs, `reset` powers it off and on."""

    def __init__(
        self, table: Table, send: Callable[[bytes], bytes], reset: Callable[[], object]
    ) -> None:
        self.name = table.name
        self.transcript: list[Raw] = []
        self._table = table
        self._send = send
        self._reset = reset
        self._open = False

    def capabilities(self) -> Capabilities:
        features = {"signed-state"} if "state" in self._table.operations else set()
        return Capabilities(self.name, frozenset({"euicc"}), features=frozenset(features))

    def normalise_error(self, raw: Any) -> ErrorClass:
        if raw in (_PHASE, f"{_PHASE:04X}"):
            return ErrorClass.PHASE
        return self._table.error_class(str(raw))

    def transmit(self, apdu: bytes) -> bytes:
        self.transcript.append(Raw(True, "apdu", apdu))
        answer = self._send(apdu)
        self.transcript.append(Raw(False, "apdu", answer))
        return answer

    def power_cycle(self) -> None:
        self._reset()
        self._open = False

    # --- commands ---

    def _command(self, command: bytes) -> ResponseApdu:
        if not self._open:
            self._whole(select(ISDR_AID))
            self._open = True
        blocks = store_data(command)
        for block in blocks[:-1]:
            response = ResponseApdu.parse(self.transmit(block))
            if not response.ok:
                return response
        return self._whole(blocks[-1])

    def _whole(self, apdu: bytes) -> ResponseApdu:
        response = ResponseApdu.parse(self.transmit(apdu))
        data = response.data
        for _ in range(_ROUNDS):
            if response.more is None:
                break
            response = ResponseApdu.parse(self.transmit(get_response(response.more)))
            data += response.data
        return ResponseApdu(data, response.sw)

    def _call(self, name: str, canonical: dict[str, Any], octets: bytes = b"") -> dict[str, Any]:
        operation = self._table.operations[name]
        known = {"null": None, **canonical}
        if operation.request.encoding != "octets":
            value = build(operation.request, canonical, known)
            octets = encode(operation.request, value)
        response = self._command(octets)
        if not response.ok:
            code = f"{response.sw:04X}"
            raise AdapterError(self.normalise_error(code), code)
        try:
            return read(operation.answer, decode(operation.answer, response.data))
        except NoMessage as error:
            raise AdapterError(ErrorClass.FORMAT, "answer", str(error)) from None

    # --- the adapter ---

    def info(self) -> EuiccState:
        told = self._call("info", {})
        keys = {one["ref"]: str(one["state"]) for one in told.get("keys", [])}
        return EuiccState(told["eid"], str(told["phase"]), keys)

    def open_context(self, package: PreboundPackage) -> ContextVerdict:
        canonical = {"eid": package.eid, "context": package.context}
        try:
            told = self._call("context", canonical, package.context)
        except AdapterError as error:
            return ContextVerdict(False, kind=error.kind, code=error.code)
        code = str(told.get("code", ""))
        if code:
            return ContextVerdict(False, kind=self.normalise_error(code), code=code)
        return ContextVerdict(True, bool(told.get("resumed", False)))

    def push_segment(self, segment: bytes) -> SegmentVerdict:
        response = self._command(segment)
        return SegmentVerdict(response.ok, response.data, response.sw)

    def results(self) -> list[bytes]:
        return list(self._call("results", {}).get("results", []))

    def delete_keys(self, refs: list[bytes] | None) -> EuiccState:
        named = {"keyRefs": [one.hex() for one in refs or ()]}
        selector = {"allUnused": None} if refs is None else named
        return self._state("delete", {"selector": selector, "challenge": _NO_CHALLENGE})

    def close_phase(self) -> EuiccState:
        return self._state("close", {"challenge": _NO_CHALLENGE})

    def signed_state(self, challenge: bytes) -> EuiccState:
        return self._state("state", {"challenge": challenge})

    def _state(self, name: str, canonical: dict[str, Any]) -> EuiccState:
        told = self._call(name, canonical)
        code = str(told.get("code", ""))
        if code:
            raise AdapterError(self.normalise_error(code), code)
        profiles = tuple(ProfileState(**one) for one in told.get("profiles", []))
        return EuiccState(
            told["eid"], str(told["phase"]), {}, profiles, told.get("unused"),
            told.get("counter"), told.get("challenge", b""), told.get("signature", b""),
        )  # fmt: skip
