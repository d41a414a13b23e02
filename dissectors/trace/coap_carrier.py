"""CoAP transfers to eSIM messages. SGP.32 §6.1; most of this binding is likely or uncertain."""

from __future__ import annotations

from collections.abc import Callable

from dissectors.asn1.versions import Spec
from dissectors.finding import Finding, finding
from dissectors.link.coap.transfers import CoapTransfer, DatagramRecord
from dissectors.link.stream import Flow
from dissectors.spec.functions import Function
from dissectors.trace import codes
from dissectors.trace.message import REQUEST, RESPONSE, Message, Recognised
from dissectors.trace.recognise import Body, concerns_esim, recognise

_POST = 2
_WAITING = 256
# 42 is application/octet-stream, the usual stand-in; 50 is application/json
_OCTETS, _JSON = 42, 50

OnProblem = Callable[[Finding, tuple[int, ...]], None]
OnRecord = Callable[[Flow, DatagramRecord], None]


class CoapCarrier:
    """Turns the CoAP transfers of one flow into eSIM messages; a `CoapSink`."""

    def __init__(
        self,
        flow: Flow,
        secure: bool,
        on_message: Callable[[Message], None],
        on_problem: OnProblem,
        on_record: OnRecord | None,
        spec: Spec | None,
    ) -> None:
        self._flow = flow
        self._transport = "coaps" if secure else "coap"
        self._on_message = on_message
        self._on_problem = on_problem
        self._on_record = on_record
        self._spec = spec
        self._asked: dict[int, Function] = {}

    def record(self, record: DatagramRecord) -> None:
        """Take what one datagram is."""
        if self._on_record is not None:
            self._on_record(self._flow, record)

    def problem(self, finding: Finding, frames: tuple[int, ...]) -> None:
        """Take a finding that belongs to no message."""
        self._on_problem(finding, frames)

    def transfer(self, transfer: CoapTransfer) -> None:
        """Take one application message."""
        if transfer.is_request:
            self._request(transfer)
        else:
            self._response(transfer)

    def _request(self, transfer: CoapTransfer) -> None:
        body = Body(REQUEST, transfer.path, transfer.body, transfer.content_format == _JSON)
        if not concerns_esim(body):
            return
        found = recognise(body, self._spec)
        if found is None:
            return
        if len(self._asked) >= _WAITING:
            self._asked.pop(next(iter(self._asked)))
        self._asked[transfer.number] = found.function
        self._emit(transfer, found, None)

    def _response(self, transfer: CoapTransfer) -> None:
        request = transfer.request
        asked = self._asked.pop(request.number, None) if request is not None else None
        if request is not None and asked is None:
            return  # the answer to something that is not ours
        body = Body(
            RESPONSE,
            request.path if request is not None else "",
            transfer.body,
            transfer.content_format == _JSON,
            asked,
        )
        extra: tuple[Finding, ...] = ()
        if asked is None:
            if not concerns_esim(body):
                return
            extra = (finding(codes.UNASKED, "the request is not in the capture"),)
        found = recognise(body, self._spec) if transfer.code >> 5 == 2 else None
        if found is None:
            if asked is None:
                return
            problems: tuple[Finding, ...] = ()
            if transfer.body:
                text = f"{len(transfer.body)} octets with code {transfer.code_text}"
                problems = (finding(codes.NOT_READ, text),)
            found = Recognised(asked, RESPONSE, None, (), None, problems)
        self._emit(transfer, found, transfer.code_text, extra)

    def _emit(
        self,
        transfer: CoapTransfer,
        found: Recognised,
        status: str | None,
        extra: tuple[Finding, ...] = (),
    ) -> None:
        function = found.function
        source, target = self._flow.ends(transfer.side)
        request = found.kind == REQUEST
        self._on_message(
            Message(
                transfer.frames,
                transfer.time,
                str(source),
                str(target),
                self._transport,
                function.interface,
                function.name,
                found.kind,
                found.type,
                found.spec,
                status,
                found.value,
                transfer.body,
                (*transfer.findings, *_departures(transfer), *found.problems, *extra),
                flow=self._flow.number,
                sender=function.sender if request else function.receiver,
                receiver=function.receiver if request else function.sender,
                carrier={"coap": transfer},
            )
        )


def _departures(transfer: CoapTransfer) -> list[Finding]:
    problems = []
    number = transfer.content_format
    if transfer.body and number not in (_OCTETS, _JSON):
        text = f"Content-Format {number} for {_OCTETS}" if number is not None else "none given"
        problems.append(finding(codes.CONTENT_FORMAT, text))
    if transfer.is_request and transfer.code != _POST:
        problems.append(finding(codes.METHOD, f"{transfer.code_text} for 0.02 POST"))
    # 2.04 and 2.05 are both in use; the facts do not settle which is right
    if not transfer.is_request and transfer.code_text not in ("2.04", "2.05"):
        problems.append(finding(codes.STATUS, f"code {transfer.code_text} for 2.04 or 2.05"))
    return problems
