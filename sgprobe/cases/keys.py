"""Every key of the language, once: loader, JSON Schema, formatter and reference are made of it."""

from __future__ import annotations

from enum import Enum

from sgprobe.keytable import TableKey


class Kind(Enum):
    """What stands at a key: the words of the reference."""

    ID = "an id: capital letters, digits, hyphens"
    NAME = "a name: letters, digits, hyphens"
    TEXT = "text"
    TEXTS = "a list of texts, or one"
    ROLES = "a role, or a list of roles"
    ROLE = "a role"
    CLAUSES = "a list of clauses: specification, version, §"
    EXPRESSION = "an expression over ICS names"
    VARIANTS = "axes: a list of values, or named points"
    STEPS = "a list of steps"
    BRANCHES = "a list of steps, or of lists of steps"
    PEERS = "background behaviour by role"
    REPLY = "an ASN.1 type or a JSON function"
    TRACE = "a list of trace assertions"
    FIELDS = "members by ASN.1 name: values and matchers"
    VALUES = "values by name"
    CAPTURE = "paths by name"
    MUTATE = "damage by path"
    DURATION = "a time: 500 ms, 2 s, 10 min, 72 h"
    FLAG = "yes"
    REFERENCE = "a reference: $name"
    TRIGGER = "what the product is asked to do"
    LINK = "up, unreachable, or impairments"
    STATE = "a part of the state"
    VALUE = "a value, a list or members"
    LABEL = "the name of a message in this case"
    CALL = "the path of a steps file below suites/steps, without its ending"
    OTHERWISE = "inconclusive"
    VERSION = "a version: SGP.32 v1.1"
    INPUTS = "a help sentence by name"
    SELECT = "tests by trace field"
    COUNT = "a number, or a range: 1..3"
    SELECTS = "a list of tests by trace field"
    NUMBER = "a number"


Key = TableKey[Kind]

CASE = (
    Key("case", Kind.ID, "The stable id, which is also the name of the file.",
        "ESIPA-EIM-GEP-006", required=True),
    Key("title", Kind.TEXT, "One sentence: what a conforming product does.",
        "The eIM answers a poll with the queued package", required=True),
    Key("iut", Kind.ROLES, "The role under test; all others are simulated. A list is an axis, and "
        "`iut` in an arrow stands for the role of the variant.", "eim", required=True),
    Key("spec", Kind.CLAUSES, "The clauses that the case tests.",
        "[SGP.32 v1.2 §5.14.5 GetEimPackage]", required=True),
    Key("since", Kind.VERSION, "The first version that the case claims.", "SGP.32 v1.1"),
    Key("until", Kind.VERSION, "The last version that the case claims.", "SGP.32 v1.2"),
    Key("covers", Kind.TEXTS, "Requirements of suites/requirements that the case checks.",
        "[SGP32-ESIPA-001]", required=True),
    Key("applies-if", Kind.EXPRESSION, "Where it is false, the case is not applicable; where an "
        "answer is missing, inconclusive.", "EIM_RETRIEVE and not EIM_COMPACT"),
    Key("variants", Kind.VARIANTS, "The case runs once per combination; `except` removes some.",
        "{binding: [https, coap]}"),
    Key("given", Kind.STEPS, "The preamble; a failure here is inconclusive.",
        "[{trigger: eim.queue-package}]"),
    Key("peers", Kind.PEERS, "What simulated roles answer, where it differs from their default. "
        "Of several roles under test, those are simulated whose turn it is not.",
        "{eim: {on GetEimPackageRequest: [silence]}}"),
    Key("steps", Kind.STEPS, "The body; a failure here is fail.",
        "[{'ipa -> eim: GetEimPackageRequest': }]", required=True),
    Key("trace", Kind.TRACE, "Assertions over the whole capture.",
        "[{never: {tls.version: <lower than 1.2>}}]"),
    Key("cleanup", Kind.STEPS, "Always run, whatever happened before.", "[{link: eim, is: up}]"),
)  # fmt: skip

STEPS_FILE = (
    Key("title", Kind.TEXT, "One sentence: what the steps bring about.",
        "An authenticated session stands", required=True),
    Key("inputs", Kind.INPUTS, "What a caller gives in `with`.", "{count: how many to make}"),
    Key("outputs", Kind.INPUTS, "What the caller may use afterwards.",
        "{transactionId: the id of the session}"),
    Key("steps", Kind.STEPS, "The steps.", "[{trigger: ipa.poll}]", required=True),
)  # fmt: skip

# keys that every step may have
COMMON = (
    Key("because", Kind.TEXT, "The sentence that a failure prints.",
        "A bad signature ends the session"),
    Key("name", Kind.NAME, "A label; `same-as` and reports use it.", "fresh"),
    Key("otherwise", Kind.OTHERWISE, "A failure of this step is inconclusive, not fail.",
        "inconclusive"),
)  # fmt: skip

# the key of a message step is its arrow, `ipa -> eim`; these stand beside it
MESSAGE = (
    Key("fields", Kind.FIELDS, "A template when we expect: what is not named is free. When we "
        "send, values: what is not named is the default of the role.", "{eidValue: $eid}"),
    Key("exactly", Kind.FIELDS, "As `fields`, and nothing else may be present.",
        "{eimPackageError: noEimPackageAvailable}"),
    Key("within", Kind.DURATION, "The time limit, in scenario time.", "10 s"),
    Key("next", Kind.FLAG, "Nothing may come between.", "yes"),
    Key("capture", Kind.CAPTURE, "Keeps what stands at a path; later `$name`.",
        "{seq: euiccPackageResultSigned}"),
    Key("mutate", Kind.MUTATE, "Damage after encoding and signing.",
        "{eimSignature: {flip-bit: 77}}"),
    Key("http", Kind.VALUES, "Fields of the HTTP message.", "{status: 200}"),
    Key("coap", Kind.VALUES, "Fields of the CoAP message.", "{code: 2.04}"),
    Key("apdu", Kind.VALUES, "Fields of the card's answer.", "{sw: 9000}"),
    Key("same-as", Kind.LABEL, "Repeats a named message byte for byte.", "fresh"),
    Key("for-each", Kind.REFERENCE, "Once per element of a list; the element is `$each`.",
        "$bpps"),
)  # fmt: skip

# verb: its own key first, then those beside it
VERBS: dict[str, tuple[Key, ...]] = {
    "trigger": (
        Key("trigger", Kind.TRIGGER, "Asks the operator's adapter to make the product act.",
            "ipa.poll", required=True),
        Key("with", Kind.VALUES, "What the action needs.", "{eid: $eid, enable: $iccid.b}"),
    ),
    "state": (
        Key("state", Kind.STATE, "Brings a part of the state about.", "euicc.profiles",
            required=True),
        Key("is", Kind.VALUE, "What it is to be.", "[{iccid: $iccid.a, state: enabled}]",
            required=True),
    ),
    "assert": (
        Key("assert", Kind.STATE, "Compares a part of the state.", "euicc.profiles",
            required=True),
        Key("is", Kind.VALUE, "What it has to be.", "[{iccid: $iccid.a, state: enabled}]",
            required=True),
        Key("for-each", Kind.REFERENCE, "Once per element of a list; the element is `$each`.",
            "$euiccs"),
    ),
    "link": (
        Key("link", Kind.ROLE, "Changes the link to a role.", "eim", required=True),
        Key("is", Kind.LINK, "The state, or impairments of datagrams.", "{drop: [2]}",
            required=True),
    ),
    "advance": (
        Key("advance", Kind.DURATION, "Moves the scenario clock; nobody waits.", "72 h",
            required=True),
    ),
    "wait": (Key("wait", Kind.DURATION, "Lets real time pass.", "2 s", required=True),),
    "quiet": (
        Key("quiet", Kind.ROLE, "Nothing may come from a role.", "eim", required=True),
        Key("for", Kind.DURATION, "How long.", "5 s", required=True),
        Key("toward", Kind.ROLE, "Only what it says to this role counts.", "eim"),
    ),
    "connect": (
        Key("connect", Kind.ROLE, "Makes a TLS connection of its own to a server, with a "
            "handshake and nothing else; `trace` looks at what came of it.", "iut", required=True),
        Key("with", Kind.VALUES, "How the client speaks TLS in it.", "{highest: 1.2}"),
    ),
    "any-order": (
        Key("any-order", Kind.STEPS, "All of these, in any order.",
            "[{'ipa -> eim': GetEimPackageRequest}]", required=True),
    ),
    "either": (
        Key("either", Kind.BRANCHES, "One of these; the first that matches decides.",
            "[{quiet: eim, for: 5 s}]", required=True),
    ),
    "do": (
        Key("do", Kind.CALL, "Runs a steps file; its outputs may be used afterwards. `$iut` in it "
            "is the role under test.", "es9plus/authenticate", required=True),
        Key("with", Kind.VALUES, "Its inputs.", "{count: 2}"),
        Key("times", Kind.REFERENCE, "How often, by the name of a number.",
            "$ixit.download-tries"),
    ),
}  # fmt: skip

TRACE = (
    Key("name", Kind.TEXT, "What the assertion is about.", "the IPA asks again"),
    Key("when", Kind.REFERENCE, "Only where this is there.", "$loss.drop"),
    Key("where", Kind.SELECT, "Which messages or datagrams are looked at.",
        "{from: ipa, coap.type: CON}"),
    Key("because", Kind.TEXT, "The sentence that a failure prints.", "RFC 7252 §4.2"),
    Key("every", Kind.SELECT, "All of them are so.", "{coap.back-off: <2 s..48 s>}"),
    Key("some", Kind.SELECT, "At least one of them is so.", "{coap.block2.num: <seen before>}"),
    Key("never", Kind.SELECT, "None of them is so.", "{coap.code: 4.08}"),
    Key("count", Kind.COUNT, "So many there are.", "1..3"),
    Key("in-order", Kind.SELECTS, "These come one after the other.",
        "[{type: GetEimPackageRequest}, {type: ProvideEimPackageResult}]"),
    Key("first", Kind.SELECT, "The first of them is so.", "{type: GetEimPackageRequest}"),
    Key("last", Kind.SELECT, "The last of them is so.", "{type: ProvideEimPackageResult}"),
)  # fmt: skip
QUANTIFIERS = ("every", "some", "never", "count", "in-order", "first", "last")

REPLY = (
    Key("reply", Kind.REPLY, "The message that is answered.", "GetEimPackageResponse"),
    Key("fields", Kind.FIELDS, "Its values.", "{eimPackageError: noEimPackageAvailable}"),
    Key("status", Kind.NUMBER, "An HTTP status instead of a message.", "503"),
    Key("mutate", Kind.MUTATE, "Damage after encoding and signing.",
        "{euiccPackageRequest.eimSignature: remove}"),
    Key("after", Kind.DURATION, "How long the answer takes.", "3 s"),
    Key("cut", Kind.NUMBER, "The connection breaks after so many octets of the body, a load into "
        "the eUICC after so many segments.", "500"),
)  # fmt: skip
REPLY_WORDS = ("silence", "reset")

LINK_WORDS = ("up", "unreachable")
LINK_IMPAIRMENTS = ("drop", "duplicate", "delay", "largest", "toward")

# damage: what it takes
DAMAGE: dict[str, str] = {
    "flip-bit": "number, from the end where it is negative",
    "replace": "hex",
    "remove": "",
    "truncate": "number",
    "append": "hex",
    "indefinite-length": "",
    "long-length": "",
    "swap-order": "",
    "followed-by": "hex",
    "twice": "",
    "repeated": "number",
    "wrapped-in": "hex",
    "grown-to": "number",
    "nested": "number",
    # so many changes, drawn from the seed of the case: each time others
    "scramble": "number",
    # of JSON: the text of a member in place of its own, and members written behind it
    "text": "text",
    "beside": "members",
    "sign-with": "key",
}

# what `state` and `assert` know
STATES: dict[str, str] = {
    "euicc.profiles": "the profiles, all of them, each with iccid and state; `rules` are "
    "policy rules, `notify` is a list of {operation, address}",
    "euicc.eims": "the associated eIMs, all of them, each with eimId and counterValue; what a row "
    "does not name stays, and a new eIM is like the first; `protocols` are words such as "
    "retrieve-https, `fqdn: none` leaves the eimId to be the name; whom to trust in TLS is a "
    "`tlsCertificate`, or whoever has the key of the certificate `tlsKeyOf`",
    "euicc.notifications": "the notifications that wait, each with seqNumber; an empty list "
    "removes them, and the results of packages",
    "euicc.one-time-keys": "the keys of downloads that a retry may use again; an empty list "
    "forgets them",
    "euicc.rat": "the Rules Authorisation Table; an empty list permits nothing",
    "euicc.memory": "how many octets are free, how many eIMs, results, notifications and octets of "
    "lists, of a package, of a result or of an address for immediate enabling it takes",
    "euicc.keys": "the one-time keys that the simulated eUICC is given in place of its four of c1, "
    "each with its suite: c1, h1 or h1s; a case does not apply where the bench lacks the algorithm",
    "euicc.factory": "how many `results` of loads the simulated eUICC has room for, and the OIDs "
    "of the `smdpfs` that may load",
    "euicc.secrets": "how many secrets were looked for in everything that the eUICC has said, and "
    "which are there: K, OPc and IMSI of each profile that was bound",
    "system.evidence": "the evidence that is judged: a scene of vectors/ifpp/evidence, or of the "
    "product file, such as complete; `without` items, `flip` (a bit of a file by its item) and "
    "`members` (of a JSON file by its item) are done to a copy, which has a `name`",
    "system.verdict": "what the judge says of the evidence: class, three answers, and which items "
    "it refused, used or missed; one row for each evidence, by its name",
    "bench.vectors": "how often the bench's own ML-KEM and ML-DSA disagree with the vectors of "
    "others; a case does not apply where these are not at hand",
    "dm.hybrid": "of each package that dm.fetch brought last: `suite`, octets of the ML-KEM `key` "
    "and of the `ciphertext`, whether its key has `opened` it, and the `classical` half alone",
    "dm.protection": "what of the last delivery a quantum computer of later years does not open: "
    "whether the SM-DPf takes X25519MLKEM768 in TLS, and the packages are hybrid",
    "scale.figures": "what came of a load: how much was `asked`, how many were `good`, `refused`, "
    "`short` (good ones that should be), `lost` (of whom nothing was told) and loaded or bound "
    "`twice`",
    "eim.queue": "what became of the order that the case queued last",
    "eim.configuration": "what the eIM hands out for devices that are to know it; `differs` says "
    "where its EimConfigurationData is not as its ICS says: nothing, or what",
    "eim.store": "whether secrets are found in what the eIM keeps, logs, says and is told: "
    "`profile` (keys of the subscription in the profile of the last order), `keys` (that protect "
    "its package), `code` (the confirmation code): nowhere, or where",
    "ipa.store": "the same of the IPA",
    "ipa.clock": "the time that the device believes: `now`, or seconds since 1970",
    "smdp.order": "what became of the order for a profile that came last",
    "smds.events": "the registered events; `smds: other` brings one about at the second SM-DS",
    "smdpf.profiles": "profiles that are prepared",
    "smdpf.affected": "packages bound under the certificate that was replaced, and not proved "
    "installed",
    "dm.delivery": "what was found in the delivery that dm.fetch brought last: how many packages, "
    "devices and ICCIDs of all deliveries; `faults` of manifest, digests and totals, or none; "
    "`opened` by the targets' keys, `signed` (context and smdpSign), `chained` to the CI, `formed` "
    "as SGP.22 §2.5.4: yes, or what is wrong; `fresh`: no key, transaction or ciphertext twice in "
    "all deliveries; `leaks`: how many secrets of the subscriptions stand in all that was said",
    "msp.told": "how many profiles the SM-DPf has told the MSP of, by the lists of its reports, in "
    "however many messages",
    "fpa.deliveries": "what the line says of each delivery, and whether something came to lie "
    "outside of it",
    "fpa.devices": "the devices: what the line says of them; how many profiles and usable one-time "
    "keys their eUICCs have, how many contexts and segments they were sent, and whether as bound",
    "fpa.outcomes": "how many items all reports have, by their outcome: success, error, deleted, "
    "or what the line says",
    "fpa.packages": "what all reports say of each package: its place in their order, the outcomes "
    "of its first and last item, how many successes, and the result of the eUICC; of the first "
    "item the segment that was not taken, and the error of the eUICC",
    "fpa.stations": "what each station has reported: how many items, how many of them loaded "
    "something, whether their numbers, and the chain of reports, are whole",
    "fpa.network": "how often the line asked for the network while it loaded, and how often the "
    "bench proved that it would have seen that",
    "fpa.secrets": "how many secrets were looked for in what the line keeps, and which are there: "
    "private keys, K, OPc and IMSI of each package",
    "fpa.clock": "how many seconds the clock of the line is ahead",
    "fpa.store": "whether the line has room for reports",
}

# what `trigger` knows; the product file says how
TRIGGERS: dict[str, str] = {
    "ipa.poll": "ask the eIM for a package",
    "ipa.restart": "start again",
    "ipa.download": "download the profile of an activation code",
    "ipa.discover": "ask the SM-DS for events, and download what they announce",
    "ipa.notify": "deliver the notifications that wait",
    "ipa.fallback": "go to the fallback profile, as after a lasting loss of the network",
    "ipa.return": "go back from the fallback profile",
    "ipa.emergency": "begin an emergency call: enable the emergency profile",
    "ipa.emergency-end": "end the emergency call",
    "ipa.memory-reset": "reset the memory of the eUICC at the device",
    "ipa.activate-ipae": "hand over to the IPA in the eUICC",
    "eim.queue-package": "queue an order for a device; with `may-refuse: yes` the operator's "
    "interface may decline it",
    "eim.cancel": "withdraw an order",
    "eim.inject": "send what waits to the IPA, which listens",
    "eim.manage": "manage a device again, whose association had ended",
    "eim.restart": "start again",
    "smdp.order": "release a profile for download",
    "smdp.restart": "start again",
    "smds.restart": "start again",
    "smdpf.bind": "bind a profile to a one-time key of the eUICC; of `key` (1 to 4; else the next "
    "one), `eid`, `iccid`, `type`, `suite`, `by` (other-smdp-pb), and `operation`, `key-type`, "
    "`key-octets` of the secure channel (in hex) what is to differ",
    "smdpf.compromised": "be told by the EUM that the one-time keys of the last batch, or of "
    "`batch`, are known to others",
    "smdpf.revocation-list": "take a revocation list: `crl` ($crls.ci)",
    "smdpf.certificate": "bind with another certificate: of a `party` (dppb, dp2pb), perhaps with "
    "a `fault` such as expired",
    "smdpf.protect": "protect `count` profiles of the last order ahead of binding",
    "smdpf.restart": "start again",
    "smdpf.kill": "end its process as it has made `after` packages of the next job, and start it "
    "again",
    "smdpf.hsm": "take its HSM away (`ready: no`), or give it back (`ready: yes`)",
    "eum.personalise": "make eUICCs: `count`, each with so many one-time `keys` (1) of a `suite` "
    "(c1); faults: `eum: expired` (of its certificate), `euicc: expired` (of theirs), "
    "`check-digits: wrong`, `point: off-curve`, zero or infinity, `same-key: yes`",
    "msp.hear": "wait until the MSP has been told of so many profiles in a list, such as "
    "`provenInstalled: 100`, or `within` is over",
    "dm.fetch": "fetch the last delivery, or `delivery`, with manifest and all shards, whole or "
    "in ranges of `chunk` octets, as `client` (dm); that it is not given is a failure",
    "smdpf.deliver": "bind profiles to devices of the line and sign a delivery; of `devices` (how "
    "many, each gets one), `entries` (device, key, type), `by`, `type`, `per-shard`, `expires-in`, "
    "`supersedes`, `keep-keys` and `fault` what is to differ",
    "fpa.import": "import a delivery: the last one, or `delivery`; with `line: 2` at another line",
    "fpa.load": "load the devices, or `device: 2`, `devices: 1-20`, `devices: others` (those "
    "at no station yet), to the end of the line; of `station`, `line`, `scanned` and `override` "
    "(EIDs), and of what befalls them: `dead`, `lost-at` and `gone-at` (a segment), "
    "`result-lost`, `killed` (the line, as it has the result), `refuses` (an error of the eUICC);"
    " before an SM-DPf under test: load what dm.fetch has brought, of `device`, `station`, "
    "`damage: yes`, `memory` (octets left), `package: foreign` (of another SM-DPf), `copy: yes` "
    "(into a copy of the eUICC as it left its EUM) and what its result tells, `transaction`, "
    "`oid`, `iccid`, what is to differ",
    "fpa.fail": "note an attempt without a result: `code` such as no-answer-to-reset, `device`, "
    "`station`",
    "fpa.remove": "delete the profile of `device`, or of all, and keep the signed state",
    "fpa.state": "keep the state that the eUICC of `device`, or of all, signs now",
    "fpa.report": "write the reports; with `final: yes` the last ones; before an SM-DPf under test "
    "with `each: yes` one for each item of the last `station`, of which `lost` per cent are "
    "$reports.lost, the others in any order $reports.kept, and the missing numbers $reports.gaps",
    "fpa.damaged": "take down that a device broke at a later step",
    "fpa.restart": "start again, as after a loss of power",
    "scale.stations": "have the line load devices at 64 `stations` at once: `count` by the scale "
    "of the plan, never less than `at-least`; each `takes` so long, and in per mille are `dead`, "
    "`refused` or `slow` (`slow-takes`); limits that warn are `per-second` and `at-most`",
    "scale.import": "give the SM-DPf the data of `count` eUICCs by the scale of the plan, in "
    "batches of 1000, and in each one more with the key of another",
    "scale.bind": "have it bind profiles of a `type` to `count` eUICCs in a `suite`, each package "
    "opened with its key; limits that warn are `per-second` and `at-most`",
    "scale.report": "the same, and report the result of each, the reports in any order",
    "scale.burst": "have it bind `count` profiles of one request while another asks for its order; "
    "a limit that warns is `at-most`, of the other one's answers",
    "scale.keys": "look at the one-time keys of `count` eUICCs, as their EUM gives them away",
    "scale.month": "let a month of `days` pass in compressed time: `count` devices by the scale of "
    "the plan at 64 `stations`, a `stock` of deliveries for so many days that is filled by night, "
    "and `outages`, nights without the SM-DPf",
    "scale.look-up": "look one EID up in a delivery of `count` entries; limits that warn are "
    "`at-most` and `warm`",
    "bench.lap": "publish the time since the last lap under a `name`; limits that warn are "
    "`per-second` and `at-most`; without a name begin one",
    "euicc.reset": "cut the power and reset",
}
