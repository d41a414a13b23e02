"""Polling: packages are fetched and handled until the eIM has none. SGP.32 §3.1.1.1."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import CardFailure, LinkFailure, Procedure
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.es9client import ServerFault
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.ipa import data, notify, packages, recovery, triggers
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.peers.ipa.means import Means, Party


@dataclass(slots=True)
class Report:
    """What one poll of one eIM has come to."""

    eim: str
    # tags of the packages handled, in their order
    handled: list[str] = field(default_factory=list)
    # the code with which the eIM ended it: 1 when there was nothing (more)
    ended: int | None = None
    # what went wrong, "" where nothing did
    trouble: str = ""
    # no answer came at all
    out_of_reach: bool = False

    @property
    def ok(self) -> bool:
        """Whether the poll ended as it should."""
        return not self.trouble and self.ended == codes.NO_PACKAGE


def poll(party: Party) -> Procedure[Report]:
    """Poll one eIM; whatever happens, it ends with a report."""
    report = Report(party.association.eim_id)
    try:
        yield from _poll(party, report)
    except LinkFailure as failure:
        report.trouble = str(failure) or "no link"
        report.out_of_reach = True
    except ServerFault as fault:
        report.trouble = str(fault)
    except (CardFailure, CardFault) as failure:
        report.trouble = f"eUICC: {failure}"
    except NotAsn1 as error:
        report.trouble = f"cannot be read: {error}"
    return report


def _poll(party: Party, report: Report) -> Procedure[None]:
    means = party.means
    name = party.association.eim_id
    last = b""
    yield from recovery.recover(party)
    for _ in range(means.config.packages):
        changed = name in means.notebook.now.changes
        cause = means.notebook.now.changes.get(name)
        answer = yield from party.ask(m.GetEimPackage(party.eid, changed, cause))
        if changed:
            left = {key: one for key, one in means.notebook.now.changes.items() if key != name}
            means.notebook.note(changes=left)
        if isinstance(answer, m.Failed):
            report.ended = answer.code
            yield from recovery.conclude(party)
            if means.rules.on("IPA.CYCLE-END"):
                return
            continue
        if not isinstance(answer, m.EimPackage):
            if isinstance(answer, m.Acknowledged) and not means.rules.on("IPA.ANSWER-FUNCTION"):
                yield from notify.acknowledge(party, answer)
            raise ServerFault(m.GEP, f"an answer of the kind {type(answer).__name__}")
        if answer.package == last:
            # it did not take the result; asking on would only repeat it
            report.trouble = "the eIM gives the same package again"
            return
        last = answer.package
        yield from _handle(party, answer.package, report)
    report.trouble = f"the eIM gave {means.config.packages} packages and has more"


def _handle(party: Party, package: bytes, report: Report) -> Procedure[None]:
    report.handled.append(wire.tag_of(package))
    yield from handle(party, package)


def handle(party: Party, package: bytes) -> Procedure[None]:
    """Carry out one package and deliver its result; one that is broken never meets the eUICC."""
    error = fault_of(party.means, package)
    if error is not None and party.means.rules.on("IPA.PACKAGE-FORM"):
        yield from packages.deliver(party, m.PackageError(error))
        return
    tag = wire.tag_of(package)
    if tag == m.TRIGGER:
        yield from triggers.run(party, package)
    elif tag == m.DATA_REQUEST:
        yield from data.run(party, package)
    else:
        yield from packages.run(party, package)


def fault_of(means: Means, package: bytes) -> int | None:
    """Return the EimPackageResultErrorCode of a package that cannot be handled."""
    if wire.tag_of(package) not in (m.EUICC_PACKAGE, m.DATA_REQUEST, m.TRIGGER):
        return codes.UNKNOWN_PACKAGE
    try:
        wire.read(means.es10.dialect.codec, "GetEimPackageResponse", tlv("BF4F", package))
    except NotAsn1 as error:
        means.journal("PACKAGE", str(error)[:200])
        return codes.INVALID_FORMAT
    return None
