"""The client half of ES12 and ES15: an SM-DP+ or an SM-DS registers events at an SM-DS.

The functions are known; the paths are likely, and no source gives them for certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dissectors.spec.functions import ES12, FUNCTIONS
from sgprobe.peers.effects import Post, Procedure, Request, Response
from sgprobe.peers.es9 import json_binding
from sgprobe.peers.es9.front import JSON_ANSWER_MEDIA, PROTOCOL_HEADER
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.es9client import ServerFault, ServerRefusal

REGISTER, DELETE = "RegisterEvent", "DeleteEvent"
PATHS = {one.name: one.path or "" for one in FUNCTIONS if one.interface == ES12}


@dataclass(frozen=True, slots=True)
class Es12Client:
    """A client of one SM-DS; `requester` is the OID or name that it is known by."""

    address: str
    requester: str
    version: str = "2.5"

    def register_event(
        self, eid: str, event_id: str, server: str, *, forwarding: bool = False
    ) -> Procedure[None]:
        """Register an event: the eUICC is to ask `server` for `event_id`."""
        yield from self._call(
            REGISTER,
            {
                "eid": eid,
                "rspServerAddress": server,
                "eventId": event_id,
                "forwardingIndicator": forwarding,
            },
        )

    def delete_event(self, eid: str, event_id: str) -> Procedure[None]:
        """Take an event away."""
        yield from self._call(DELETE, {"eid": eid, "eventId": event_id})

    def _call(self, name: str, members: dict[str, Any]) -> Procedure[None]:
        header = {
            "functionRequesterIdentifier": self.requester,
            "functionCallIdentifier": f"{name}-{members['eventId']}",
        }
        body = json_binding.write_object({"header": header, **members})
        headers = ((PROTOCOL_HEADER, f"gsma/rsp/v{self.version}.0"),)
        request = Request(PATHS[name], JSON_ANSWER_MEDIA, body, headers)
        response: Response = yield Post(self.address, request)
        if response.status != 200:
            raise ServerFault(name, f"HTTP status {response.status}", status=response.status)
        try:
            answer = json_binding.read_object(response.body)
        except NotJson as error:
            raise ServerFault(name, str(error)) from None
        status, subject, reason, message = json_binding.read_header(answer)
        if status not in (json_binding.SUCCESS, json_binding.WARNING):
            raise ServerRefusal(name, subject, reason, message)
