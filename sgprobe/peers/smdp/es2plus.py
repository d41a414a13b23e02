"""ES2+ in JSON: the operator's functions over HTTP. SGP.22 §5.3, §6.5; paths are likely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from dissectors.spec.functions import ES2, FUNCTIONS
from sgprobe.peers.es9.front import JsonFunction
from sgprobe.peers.es9.members import check_header, need, text
from sgprobe.peers.es9.status import refuse
from sgprobe.peers.smdp.operator import Desk
from sgprobe.peers.smdp.orders import Work

Members: TypeAlias = dict[str, Any]
Operate: TypeAlias = Callable[[Callable[[Desk, Work], Members]], Members]
_TELLS_ADDRESS = "ConfirmOrder"
_FINAL_STATES = {"Available": True, "Unavailable": False}


def functions(operate: Operate, address: str) -> dict[str, JsonFunction]:
    """Return the functions of ES2+ by path; `operate` executes one as a transaction."""
    made = {
        "DownloadOrder": _download_order,
        "ConfirmOrder": _confirm_order,
        "CancelOrder": _cancel_order,
        "ReleaseProfile": _release_profile,
    }

    def run(name: str) -> JsonFunction:
        function = made[name]

        def perform(members: Members, now: float) -> Members:
            check_header(members)
            answer = operate(lambda desk, work: function(desk, work, members))
            return {**answer, "smdpAddress": address} if name == _TELLS_ADDRESS else answer

        return perform

    return {
        one.path: run(one.name)
        for one in FUNCTIONS
        if one.interface == ES2 and one.path is not None and one.name in made
    }


def _iccid(members: Members, name: str = "iccid") -> str:
    # a 19-digit ICCID may come padded
    return need(members, name).rstrip("Ff")


def _padded(iccid: str) -> str:
    return iccid + "F" * (len(iccid) % 2)


def _download_order(desk: Desk, work: Work, members: Members) -> Members:
    iccid = _iccid(members) if members.get("iccid") is not None else None
    order = desk.order(
        work, eid=text(members, "eid"), iccid=iccid, kind=text(members, "profileType")
    )
    return {"iccid": _padded(order.iccid)}


def _confirm_order(desk: Desk, work: Work, members: Members) -> Members:
    release = members.get("releaseFlag")
    if not isinstance(release, bool):
        raise refuse("element-missing", "releaseFlag")
    order = desk.confirm(
        work,
        _iccid(members),
        eid=text(members, "eid"),
        matching_id=text(members, "matchingId"),
        code=text(members, "confirmationCode"),
        release=release,
        smds=text(members, "smdsAddress"),
    )
    answer = {"matchingId": order.matching_id}
    return {**answer, "eid": order.eid} if order.eid else answer


def _cancel_order(desk: Desk, work: Work, members: Members) -> Members:
    final = need(members, "finalProfileStatusIndicator")
    if final not in _FINAL_STATES:
        raise refuse("element-invalid", "finalProfileStatusIndicator")
    desk.cancel(
        work,
        _iccid(members),
        eid=text(members, "eid"),
        matching_id=text(members, "matchingId"),
        available=_FINAL_STATES[final],
    )
    return {}


def _release_profile(desk: Desk, work: Work, members: Members) -> Members:
    desk.release(work, _iccid(members))
    return {}
