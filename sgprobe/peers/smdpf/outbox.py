"""What the MSP is to hear: the three lists of a report, and what does not fit. RB-57, FLOW-16."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sgprobe.peers.effects import Post, Procedure, Request
from sgprobe.peers.smdpf.records import Entry, Order, Work
from sgprobe.peers.store import Store

JSON = "application/json"
# members of a report to the MSP by what happened
LISTS = {
    "installed": "provenInstalled",
    "failed": "provenFailed",
    "open": "notProven",
    "conflict": "conflicts",
    "removed": "removed",
    "withdrawn": "withdrawn",
    "compromised": "withdrawn",
    "unknown": "notProven",
}
_MOST = 1000


def tell(work: Work, order: Order, what: str, entry: Entry, **details: Any) -> None:
    """Leave one event to be told to the MSP of an order."""
    number = (work.get(f"told/{order.id}") or 0) + 1
    work.put(f"told/{order.id}", number)
    event = {
        "what": what,
        "iccid": entry.iccid,
        "eid": entry.eid,
        "packageId": entry.package,
        "transactionId": entry.transaction,
        **{name: value for name, value in details.items() if value},
    }
    work.put(f"outbox/{order.id}/{number:010d}", event)


def waiting(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Walk the orders that have something to tell, with the keys of the events."""
    keys: dict[str, list[str]] = {}
    for key in store.keys("outbox/"):
        keys.setdefault(key.split("/")[1], []).append(key)
    yield from keys.items()


def report(order: Order, events: list[dict[str, Any]], number: str) -> dict[str, Any]:
    """Return the report to the MSP: what is proved stands apart from what is not."""
    lists: dict[str, Any] = {name: [] for name in LISTS.values()}
    supplement = False
    for event in events:
        supplement = supplement or bool(event.get("supplement"))
        lists[LISTS[event["what"]]].append({k: v for k, v in event.items() if k != "what"})
    return {
        "reportId": f"{order.id}-{number}",
        "orderId": order.id,
        "states": order.counts(),
        "supplement": supplement,
        **lists,
    }


def notify(store: Store, requester: str) -> Procedure[int]:
    """Tell the MSPs what they have not heard yet; return how many events they took."""
    taken = 0
    for name, keys in list(waiting(store)):
        order = Work(store).order(name)
        for at in range(0, len(keys), _MOST):
            part = keys[at : at + _MOST]
            if order is not None and order.notify:
                address, _, path = split_url(order.notify)
                body = report(order, [store.get(key) for key in part], part[-1].rpartition("/")[2])
                header = {"functionRequesterIdentifier": requester,
                          "functionCallIdentifier": body["reportId"]}  # fmt: skip
                data = json.dumps({"header": header, **body}).encode()
                request = Request(f"{path}/reports", JSON, data)
                response = yield Post(address, request)
                if response.status // 100 != 2:
                    # it stays in the outbox, and the rest of the order behind it
                    break
            store.commit(dict.fromkeys(part))
            taken += len(part)
    return taken


def split_url(url: str) -> tuple[str, str, str]:
    """Return scheme and authority of a URL, a slash, and the path without the last slash."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority}", slash, f"/{path}".rstrip("/")
