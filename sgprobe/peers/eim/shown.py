"""What an operator is shown of eUICCs and orders: no keys, no codes, no packages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.config import association as configuration
from sgprobe.peers.eim.records import Device, Facts, Order
from sgprobe.peers.euicc.dialect import dialect

_FEATURES = (
    "direct",
    "indirect",
    "eim-download-data",
    "eim-ctx-params",
    "eim-metadata",
    "minimize-bytes",
)
_ORDER = (
    "id",
    "eid",
    "kind",
    "state",
    "reason",
    "operations",
    "results",
    "created",
    "expires",
    "counter",
    "transaction",
    "deliveries",
    "own",
)
_DEVICE = (
    "eid",
    "associated",
    "counter",
    "token",
    "key",
    "profiles",
    "eims",
    "stale",
    "cause",
    "rplmn",
    "alarm",
)


def order(one: Order) -> dict[str, Any]:
    """Return an order as JSON members."""
    return {name: getattr(one, name) for name in _ORDER}


def device(one: Device) -> dict[str, Any]:
    """Return an eUICC as JSON members."""
    return {name: getattr(one, name) for name in _DEVICE}


def facts(one: Facts) -> dict[str, Any]:
    """Return what an eUICC and its IPA have said of themselves as JSON members."""
    told = asdict(one)
    told["certificates"] = [{"euicc": euicc, "eum": eum} for euicc, eum in one.certificates]
    places = () if one.features is None else one.features
    told["features"] = [_FEATURES[place] for place in places if place < len(_FEATURES)]
    return {name.replace("_", "-"): value for name, value in told.items()}


def association(setup: Setup) -> dict[str, Any]:
    """Return what an eUICC must know of this eIM, as a value and as octets of AddInitialEim."""
    value = configuration(setup, token=True)
    request = {"eimConfigurationDataList": [value]}
    octets = dialect(setup.version).encode("AddInitialEimRequest", request)
    return {"eim-id": setup.eim_id, "version": setup.version, "add-initial-eim": octets.hex()}
