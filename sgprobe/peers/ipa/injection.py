"""Injection: the IPA as a server, to which the eIM sends packages unasked. SGP.32 §5.14.4."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from dissectors.spec.functions import ASN1_PATH
from sgprobe.peers.effects import CardFailure, Procedure, Request, Response
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9.json_binding import NotJson
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.front import Binding, Refused, check_request, respond
from sgprobe.peers.esipa.wire import contents, elements, parts
from sgprobe.peers.ipa import data, packages, switching
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.peers.ipa.means import Means, Party
from sgprobe.peers.ipa.poll import fault_of
from sgprobe.peers.ipa.rules import PREFIX

# a package is a few kilobytes
_MAX_WAITING = 16
_ANSWERED = 8

# the eIM that a package is of, by its id where the package names it
FindParty = Callable[[str], Procedure[Party | None]]


def answer(means: Means, json: Binding, request: Request, find: FindParty) -> Procedure[Response]:
    """Answer one HTTP request of an eIM."""
    if request.path == ASN1_PATH:
        binding: Binding = means.asn1
    elif request.path == json.path(m.TEP):
        binding = json
    else:
        return respond(404)
    try:
        check_request(request, binding, means.rules, PREFIX)
        package = binding.read_transfer(request.path, request.body).package
    except Refused as refused:
        means.journal("HTTP", str(refused))
        headers = (("Allow", "POST"),) if refused.status == 405 else ()
        return respond(refused.status, headers=headers)
    except (NotAsn1, NotJson) as error:
        means.journal("HTTP", str(error))
        return respond(400)
    try:
        told = yield from _transferred(means, package, find)
    except (CardFailure, CardFault, NotAsn1) as failure:
        means.journal("CARD", str(failure))
        told = m.Failed(codes.UNDEFINED)
    return respond(200, binding.media, binding.write_transferred(told))


def _transferred(means: Means, package: bytes, find: FindParty) -> Procedure[m.Answer]:
    if wire.tag_of(package) == m.ACKNOWLEDGEMENTS:
        for one in elements(package):
            yield from means.es10.remove(wire.number(one))
        return m.Received()
    fault = fault_of(means, package)
    if fault is not None:
        return m.Failed(fault)
    party = yield from find(_eim_of(package))
    if party is None:
        return m.Failed(codes.UNDEFINED)
    tag = wire.tag_of(package)
    if tag == m.DATA_REQUEST:
        collected = yield from data.collect(party, package)
        return m.DataResult(collected.answer)
    if tag == m.TRIGGER or means.config.inject_later:
        return _later(means, party, package)
    return (yield from _once(means, party, package))


def _once(means: Means, party: Party, package: bytes) -> Procedure[m.Answer]:
    """Execute a package; the same one, sent again because the answer was lost, is not."""
    digest = hashlib.sha256(package).digest()
    kept = means.answered.get(digest)
    if kept is not None:
        return kept
    executed = yield from packages.execute(party, package)
    if executed.switched:
        yield from switching.refresh(means)
    if isinstance(executed.result, m.PackageError):
        return m.Failed(executed.result.code)
    answer = yield from packages.attached(party, executed.result)
    means.answered[digest] = answer
    if len(means.answered) > _ANSWERED:
        means.answered.popitem(last=False)
    return answer


def _later(means: Means, party: Party, package: bytes) -> m.Answer:
    """Keep a package; the same one, sent again, is kept once."""
    waiting = means.notebook.now.injected
    entry = [party.association.eim_id, package.hex()]
    if entry not in waiting:
        if len(waiting) >= _MAX_WAITING:
            return m.Failed(codes.UNDEFINED)
        means.notebook.note(injected=[*waiting, entry])
    return m.Received()


def _eim_of(package: bytes) -> str:
    """Return the id of the eIM that a package names, "" where it names none."""
    if wire.tag_of(package) != m.EUICC_PACKAGE:
        return ""
    try:
        return contents(parts(elements(package)[0])["80"]).decode()
    except (KeyError, UnicodeDecodeError):
        return ""
