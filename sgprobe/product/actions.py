"""What an operator can be asked for: verbs, their actions, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any, TypeAlias

from dissectors.spec.identity import IdentityError, iccid_octets, iccid_text

# what goes to an adapter and comes back: JSON
Value: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: what it does, its actions by name, and the outputs that it has to give."""

    help: str
    example: str
    actions: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


# operations of an order to an eIM: the member that its text stands for
OPERATIONS: dict[str, str] = {
    "enable": "iccid",
    "disable": "iccid",
    "delete": "iccid",
    "list-profiles": "iccid",
    "get-rat": "",
    "configure-immediate-enable": "smdp-address",
    "set-fallback": "iccid",
    "unset-fallback": "",
    "set-default-smdp": "address",
    "add-eim": "eim-id",
    "update-eim": "eim-id",
    "delete-eim": "eim-id",
    "list-eim": "",
    "get-data": "tags",
    "download": "activation-code",
}
STATES = ("open", "done", "failed")

VERBS: dict[str, Verb] = {
    "order": Verb(
        "Queue an order.",
        "{enable: {rest: {post: /orders, body: {eid: $eid, enable: $iccid}}}}",
        {
            **dict.fromkeys(OPERATIONS, "eIM: an order of this one operation"),
            "package": "eIM: an order of several operations, or one without a way of its own",
            "profile": "SM-DP+: release a profile for download",
            "event": "SM-DS: register an event",
        },
        {
            "eid": "32 digits",
            "operations": "a list of {op, and its members}, as of `sgprobe serve eim`",
            "op": "of one operation: its name; its members are inputs, too",
            "iccid": "18 to 20 digits",
            "iccid-octets": "the same as in messages: nibbles swapped, in hex",
            "type": "profile: what kind of profile",
            "matching-id": "profile: the matching id that it is to have",
            "confirmation-code": "profile: the code that it is to need",
            "smds": "profile: the SM-DS to register an event at",
            "release": "profile: no leaves it confirmed, and not to be downloaded yet",
            "protection": "profile: ppk or session, the keys that protect it",
            "rebinding": "profile: no forbids to bind its package to another one-time key",
            "expires-in": "seconds until the order ends",
        },
        {
            "order": "what names the order later",
            "iccid": "profile: which one it is",
            "matchingId": "profile: the matching id",
            "activationCode": "profile: the whole code, where there is one",
        },
    ),
    "outcome": Verb(
        "Tell what became of an order.",
        "{rest: {get: /orders, path: [$order], take: {state: body.state}}}",
        {"order": "eIM: an order", "profile": "SM-DP+: a profile"},
        {
            "order": "and all else that `order` gave",
            "eid": "32 digits",
            "iccid": "as `order` gave it",
        },
        {
            "state": f"one of {', '.join(STATES)}",
            "reason": "why it failed",
            "notifications": "SM-DP+: how many notifications of the profile it has had",
        },
        ("state",),
    ),
    "export": Verb(
        "Hand out what others have to know of the product.",
        "{rest: {get: /association, take: {add-initial-eim: body.octets}}}",
        {"configuration": "eIM: its EimConfigurationData, as devices are given it"},
        {},
        {"add-initial-eim": "AddInitialEimRequest (BF57), in hex"},
        ("add-initial-eim",),
    ),
    "cancel": Verb(
        "Take an order back.",
        "{rest: {delete: /orders, path: [$order]}}",
        {"order": "eIM: an order", "profile": "SM-DP+: a profile", "event": "SM-DS: an event"},
        {
            "order": "and all else that `order` gave",
            "eid": "32 digits",
            "iccid": "as `order` gave it",
        },
    ),
    "restart": Verb(
        "Start the product again, its store kept.",
        "{command: [./restart.sh]}",
        {"product": "the whole product"},
        {},
    ),
    "trigger": Verb(
        "Make the product act, or bring a state about.",
        "{poll: {command: [./poll.sh]}}",
        {
            "begin": "every role: bring the product into the state that the file tells, before "
            "each item",
            "poll": "IPA: ask the eIM for a package",
            "download": "IPA: download the profile of an activation code",
            "discover": "IPA: ask the SM-DS for events, and download what they announce",
            "notify": "IPA: deliver the notifications that wait",
            "fallback": "IPA: go to the fallback profile",
            "return": "IPA: go back from the fallback profile",
            "emergency": "IPA: begin an emergency call",
            "emergency-end": "IPA: end the emergency call",
            "memory-reset": "IPA: reset the memory of the eUICC",
            "activate-ipae": "IPA: hand over to the IPA in the eUICC",
            "reset": "eUICC: cut the power and reset",
            "manage": "eIM: manage an EID again, whose association had ended, or with another "
            "token or counter",
            "inject": "eIM: send what waits to an IPA that listens",
            "bind": "SM-DPf: bind a profile to a one-time key of an eUICC",
            "compromised": "SM-DPf: be told that the one-time keys of a batch are known to others",
            "revocation-list": "SM-DPf: take a revocation list",
            "certificate": "SM-DPf: bind with another certificate",
            "protect": "SM-DPf: protect profiles of an order ahead of binding",
            "kill": "SM-DPf: end its process in the middle of the next job, and start it again",
            "hsm": "SM-DPf: take its HSM away, or give it back",
            "import": "FPA: import the delivery at a path; gives `state`, one of accepted, limited "
            "and refused, and a `reason`",
            "load": "FPA: load the device in the reader, to the end of the line; gives `good`, "
            "true or false, and a `reason`",
            "report": "FPA: write what no report has told of yet; gives `reports`, a list of FF4A "
            "in base64",
            "damaged": "FPA: take down that a device broke at a later step",
            "network": "FPA: tell how many packets a firewall has dropped: `attempts`, and "
            "`canaries`, those that the bench of the line sent to prove it",
        },
        {
            "activation-code": "download: the code",
            "confirmation-code": "download: what the user types, where the order needs it",
            "path": "import: the folder or tar of the delivery",
            "station": "load: the number of the station, if it matters",
            "line": "import and load: the number of the line, if there are several",
            "scanned": "load: the EID on the label",
            "override": "load: send what is for this EID",
            "final": "report: yes for the last one",
            "batch": "compromised: the name of the batch of eUICC data",
            "crl": "revocation-list: the list, DER in hex",
            "fault": "certificate: what is wrong with it, such as expired; none without",
            "count": "protect: how many",
            "after": "kill: how many packages of the job are made then",
            "ready": "hsm: no, or yes again",
            "token": "manage: the token of the association, 0 for none",
            "counter": "manage: the last counter value that the eUICC has seen",
            "is": "a state: the rows that it has to have",
        },
    ),
    "clock": Verb(
        "Move the product's clock.",
        "{advance: {command: [./clock.sh, $seconds]}}",
        {"advance": "by seconds", "set": "to a time"},
        {"seconds": "how far", "time": "seconds since 1970"},
    ),
    "search_store": Verb(
        "Look whether the product keeps or logs what it must not.",
        "{command: [./search.sh, $octets]}",
        {"octets": "octets in the store, the logs and the capture"},
        {"octets": "what is looked for, in hex"},
        {"found": "true or false", "where": "where it was found"},
        ("found",),
    ),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the operator."""

    verb: str
    action: str
    given: dict[str, Value]


# a trigger of a case: verb and action; others are actions of the verb `trigger`
_TRIGGERS = {
    "eim.cancel": ("cancel", "order"),
    "smdp.order": ("order", "profile"),
    "smdp.cancel": ("cancel", "profile"),
    "smds.register": ("order", "event"),
}
# a state that a case brings about, and one that it compares
_STATES = {
    "smdp.order": ("order", "profile"),
    "smds.events": ("order", "event"),
    "ipa.clock": ("clock", "set"),
}
_OUTCOMES = {
    "eim.queue": ("outcome", "order"),
    "eim.configuration": ("export", "configuration"),
    "smdp.order": ("outcome", "profile"),
}
# members of the order itself, not of its operations
_OF_ORDER = ("eid", "expires-in")
# members that are numbers
INTEGERS = ("counter", "notification", "result", "expires-in")
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
# members of an order that stand beside the operation in a case, and belong to it
_BESIDE = {"enable": ("rollback",), "download": ("indirect", "code"), "add-eim": ("token",)}


def of_trigger(name: str, given: Mapping[str, Value]) -> Call:
    """Return what a `trigger` of a case asks for; its values are those of the case."""
    if name == "eim.queue-package":
        return _package(given)
    _, _, word = name.partition(".")
    if word == "restart":
        return Call("restart", "product", dict(given))
    verb, action = _TRIGGERS.get(name, ("trigger", word))
    if verb == "order":
        given = {key: _typed(key, value) for key, value in given.items()}
    return Call(verb, action, _named(given))


def of_state(name: str, row: Mapping[str, Value]) -> Call:
    """Return what brings one row of a state about."""
    if name in _STATES:
        verb, action = _STATES[name]
        if verb == "clock":
            # operators are told a number
            told = row.get("time", "now")
            return Call(verb, action, {"time": int(time()) if told == "now" else told})
        return Call(verb, action, _named(row))
    return Call("trigger", name, {"is": dict(row)})


def of_outcome(name: str, given: Mapping[str, Value]) -> Call:
    """Return what tells how a state is."""
    verb, action = _OUTCOMES.get(name, ("outcome", name))
    return Call(verb, action, _named(given))


def _package(given: Mapping[str, Value]) -> Call:
    operations = given.get("operations")
    if operations is None and "op" in given:
        operations = [{key: value for key, value in given.items() if key not in _OF_ORDER}]
    elif operations is None:
        operations = [{key: given[key]} for key in given if key in OPERATIONS]
    listed = [_operation(one, given) for one in operations]
    told: dict[str, Value] = {
        key: _typed(key, value) for key, value in given.items() if key in _OF_ORDER
    }
    told["operations"] = listed
    if len(listed) != 1:
        return Call("order", "package", _named(told))
    (only,) = listed
    return Call("order", only["op"], _named({**told, **only}))


def _operation(one: Value, beside: Mapping[str, Value]) -> dict[str, Value]:
    """Return an operation with its `op`; {enable: ICCID} is short for {op: enable, iccid: …}."""
    if not isinstance(one, Mapping):
        # `operations: [list-eim, get-rat]`
        return {"op": one}
    if "op" in one:
        return _digits({key: _typed(key, value) for key, value in one.items()})
    op = next((key for key in one if key in OPERATIONS), "")
    if not op:
        return dict(one)
    value, member = one[op], OPERATIONS[op]
    members: dict[str, Value] = {"op": op}
    if isinstance(value, Mapping):
        members.update(value)
    elif member and value not in (None, "", "yes", True):
        members[member] = value if member != "tags" or isinstance(value, list) else [value]
    for name in _BESIDE.get(op, ()):
        for source in (beside, one):
            if name in source:
                members[name] = source[name]
    return _digits({key: _typed(key, value) for key, value in members.items()})


def _typed(name: str, value: Value) -> Value:
    """Return a text of a case as the JSON that operators take."""
    if not isinstance(value, str):
        return value
    if name in INTEGERS and value.isascii() and value.isdigit():
        return int(value[:20])
    return _WORDS.get(value, value)


def _digits(members: dict[str, Value]) -> dict[str, Value]:
    """Return members whose ICCID stands in digits, as operators write it."""
    iccid = members.get("iccid")
    if isinstance(iccid, str):
        try:
            members["iccid"] = iccid_text(bytes.fromhex(iccid))
        except (IdentityError, ValueError):
            pass  # digits already, or no ICCID on purpose
    return members


def _named(given: Mapping[str, Value]) -> dict[str, Value]:
    """Return inputs, the ICCID in both forms."""
    told = _digits(dict(given))
    iccid = told.get("iccid")
    if isinstance(iccid, str):
        try:
            told["iccid-octets"] = iccid_octets(iccid).hex().upper()
        except IdentityError:
            told["iccid-octets"] = iccid
    return told
