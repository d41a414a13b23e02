"""Every key of a product file, once: loader, JSON Schema and reference page are made of it."""

from __future__ import annotations

from enum import Enum

from sgprobe.keytable import TableKey
from sgprobe.product.actions import VERBS


class Kind(Enum):
    """What stands at a key: the words of the reference."""

    TEXT = "text"
    ROLE = "a role"
    SPEC = "a version: SGP.32@1.2"
    URL = "a URL"
    PLACE = "HOST:PORT"
    READER = "a card reader"
    NAME = "a DNS name"
    NUMBER = "a number"
    DIGITS = "decimal digits"
    OID = "an object identifier"
    FILES = "a file, or a list of files, as seen from this file"
    TIME = "a time: 500 ms, 2 s, 10 min"
    DATE = "a date: 2027-01-31"
    CASE = "the id of a case, or of one variant: ID[variant]"
    TABLE = "keys of its own"
    ROWS = "a list of mappings"
    ANSWERS = "answers by the name of the question"
    SETTINGS = "values by the name of the setting"
    VERB = "a way, or ways by action"
    CALLS = "one HTTP call, or a list of them"
    WORDS = "a list of texts"
    HEADERS = "values by header: text, {env: NAME} or {file: PATH}"
    VALUES = "values by name"
    TEMPLATE = "any value; `$name` is an input"
    TARGET = "a URL, a path, or `$name`"
    STATUSES = "an HTTP status, or a list of them"
    TAKE = "by output: where it stands, or {from, words}"
    FUNCTION = "MODULE:FUNCTION, or PATH.py:FUNCTION"


Key = TableKey[Kind]

# role: what it is called, and the interfaces that the product offers in it
ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "eim": ("eIM", ("esipa", "esipa-coap")),
    "ipa": ("IPA", ("esipa-inject", "esipa-inject-coap")),
    "smdp": ("SM-DP+", ("es9plus", "es2plus")),
    "smds": ("SM-DS", ("es11", "es12")),
    "euicc": ("eUICC", ("card",)),
    "smdpf": ("SM-DPf", ("ifpp",)),
    "eum": ("EUM", ("ifpp",)),
    "fpa": ("FPA", ("ifpp", "card")),
    "msp": ("managing service provider", ("ifpp",)),
    "system": ("system of several parties", ()),
}
# interface: what its URL begins with
SCHEMES: dict[str, tuple[str, ...]] = {
    "esipa": ("https",),
    "esipa-coap": ("coaps",),
    "esipa-inject": ("https",),
    "esipa-inject-coap": ("coaps",),
    "es9plus": ("https",),
    "es2plus": ("https", "http"),
    "es11": ("https",),
    "es12": ("https", "http"),
    "ifpp": ("https", "http"),
}

ENDPOINTS = (
    Key("esipa", Kind.URL, "eIM: ESipa over HTTPS. Official: #IUT_EIM_ADDRESS.", "https://eim.test:8443"),
    Key("esipa-coap", Kind.URL, "eIM: ESipa over CoAP with DTLS.", "coaps://eim.test:5684"),
    Key("esipa-inject", Kind.URL, "IPA: where packages are sent to it over HTTPS.",
        "https://192.0.2.7:8443"),
    Key("esipa-inject-coap", Kind.URL, "IPA: the same over CoAP.", "coaps://192.0.2.7:5684"),
    Key("es9plus", Kind.URL, "SM-DP+: ES9+. Official: #IUT_SM_DP_ADDRESS.", "https://smdp.test:443"),
    Key("es2plus", Kind.URL, "SM-DP+: ES2+.", "http://127.0.0.1:8081"),
    Key("es11", Kind.URL, "SM-DS: ES11. Official: #IUT_SM_DS_ADDRESS_ES11.", "https://smds.test:443"),
    Key("es12", Kind.URL, "SM-DS: ES12.", "http://127.0.0.1:8082"),
    Key("ifpp", Kind.URL, "SGP.41 roles: in-factory provisioning.", "http://127.0.0.1:8083"),
    Key("card", Kind.READER, "eUICC: pcsc[:NAME], tcp:HOST:PORT, at:PATH, at-aid:PATH, "
        "stdio:COMMAND.", "pcsc"),
)  # fmt: skip

LISTEN = (
    Key("eim", Kind.PLACE, "The simulated eIM, over HTTPS.", "127.0.0.1:8443"),
    Key("eim-coap", Kind.PLACE, "The simulated eIM, over CoAP.", "127.0.0.1:5684"),
    Key("smdp", Kind.PLACE, "The simulated SM-DP+.", "127.0.0.1:8444"),
    Key("other-smdp", Kind.PLACE, "A second one, testsmdpplus2.example.com.", "127.0.0.1:8447"),
    Key("smds", Kind.PLACE, "The simulated SM-DS.", "127.0.0.1:8445"),
    Key("other-smds", Kind.PLACE, "A second one, testsmds2.example.com.", "127.0.0.1:8448"),
    Key("msp", Kind.PLACE, "SM-DPf: the simulated MSP, which is told of results.",
        "127.0.0.1:8446"),
    Key("card", Kind.PLACE, "FPA: the device at the line; IPA: the eUICC. For a reader of "
        "`sgprobe card`'s TCP.", "127.0.0.1:35964"),
    Key("vpcd", Kind.PLACE, "FPA and IPA: where vpcd listens, into whose slot the card is put.",
        "127.0.0.1:35963"),
)  # fmt: skip

NAMES = (
    Key("eim", Kind.NAME, "The name of the eIM, product or simulated.", "eim.example.com"),
    Key("smdp", Kind.NAME, "The name of the SM-DP+.", "testsmdpplus1.example.com"),
    Key("smds", Kind.NAME, "The name of the SM-DS.", "testrootsmds.example.com"),
    Key("ipa", Kind.NAME, "The name of an IPA that listens.", "ipa.example.com"),
    Key("smdpf", Kind.NAME, "The name of the SM-DPf.", "smdpf.example.com"),
    Key("msp", Kind.NAME, "SM-DPf: the name by which it reaches the simulated MSP.",
        "msp.example.com"),
)  # fmt: skip

IDENTITY = (
    Key("eim-id", Kind.TEXT, "eIM: its eimId. Official: #IUT_EIM_ID.", "eim.example.com"),
    Key("eim-counter", Kind.NUMBER, "eIM: the last counter value that it has signed for the EID. "
        "IPA with a card of its own, eUICC: the last one that the card has seen.", "0"),
    Key("association-token", Kind.NUMBER, "eIM: the token of its association with the EID. "
        "IPA with a card of its own, eUICC: that of the card's association.", "1"),
    Key("smdp-oid", Kind.OID, "SM-DP+: its object identifier.", "2.999.10"),
    Key("eid", Kind.DIGITS, "IPA and eUICC: the EID. eIM: the EID that it manages.",
        "89049032123451234512345678901235"),
    Key("eid-other", Kind.DIGITS, "eIM: another EID that it manages.",
        "89049032123451234512345678901332"),
    Key("eid-without-token", Kind.DIGITS,
        "eIM: an EID that it manages, whose association has no token.",
        "89049032123451234512345678901332"),
    Key("iccid-a", Kind.DIGITS, "IPA and eUICC: the profile that is enabled at the start. "
        "Of an eUICC with both the bench restores its state before each case.",
        "8949000000000000005"),
    Key("iccid-b", Kind.DIGITS, "IPA and eUICC: a profile that is disabled at the start.",
        "8949000000000000013"),
)  # fmt: skip

KEYS = (
    Key("tls-ca", Kind.FILES, "Certificates that the product's TLS chain must lead to.", "ca.pem"),
    Key("ci", Kind.FILES, "Certificate issuers of the product's RSP certificates.", "ci.pem"),
    Key("eim", Kind.FILES, "The eIM's signing key: a certificate or a public key.",
        "eim-sign.pem"),
    Key("smdp-auth", Kind.FILES, "The SM-DP+'s certificate for authentication, with its chain.",
        "dpauth.pem"),
    Key("smdp-pb", Kind.FILES, "The SM-DP+'s certificate for profile binding, with its chain.",
        "dppb.pem"),
    Key("smds-auth", Kind.FILES, "The SM-DS's certificate for authentication, with its chain.",
        "dsauth.pem"),
    Key("euicc", Kind.FILES, "The eUICC's certificate.", "euicc.pem"),
    Key("eum", Kind.FILES, "The certificate of the eUICC's manufacturer.", "eum.pem"),
)  # fmt: skip

LIMITS = (
    Key("action", Kind.TIME, "How long an action of the operator may take.", "30 s"),
    Key("restart", Kind.TIME, "How long a restart may take.", "60 s"),
)
LIMIT_DEFAULTS = {"action": 30.0, "restart": 60.0}

DEVIATION = (
    Key("case", Kind.CASE, "The case that is known to fail.", "ESIPA-EIM-GEP-006", required=True),
    Key("until", Kind.DATE, "The last day on which this is accepted.", "2027-06-30",
        required=True),
    Key("reason", Kind.TEXT, "Why, and where it is followed up.", "mended in 3.2, ticket 815",
        required=True),
)  # fmt: skip

METHODS = ("get", "post", "put", "patch", "delete")
CALL = (
    *(
        Key(method, Kind.TARGET, f"The method {method.upper()}, and its URL or path.", "/orders")
        for method in METHODS
    ),
    Key("path", Kind.WORDS, "Segments that come after the URL, each text or `$name`.",
        "[orders, $order]"),
    Key("query", Kind.VALUES, "The query, each value text or `$name`.", "{eid: $eid}"),
    Key("headers", Kind.HEADERS, "Headers of this call.", "{Accept: application/json}"),
    Key("body", Kind.TEMPLATE, "The JSON body. A whole text `$name` is an input, `$~name` is left "
        "out where it is not given; unquoted numbers, true, false and null are JSON's.",
        "{eidValue: $eid}"),
    Key("expect", Kind.STATUSES, "The statuses of success. Default: 200 to 299.", "[200, 303]"),
    Key("take", Kind.TAKE, "Outputs: `status`, `header.NAME`, `body`, or `body.a.0.b`. "
        "`header.location.-1` is the last piece between slashes, `~body.a` may be absent. Later "
        "calls know outputs as `$name`.", "{order: body.id}"),
)  # fmt: skip

WAY = (
    Key("rest", Kind.CALLS, "HTTP calls, one after the other.", "{post: /orders, body: {}}"),
    Key("command", Kind.WORDS, "A program and its arguments. Inputs: JSON on stdin. Outputs: a "
        "JSON object on stdout.", "[./order.sh, $eid]"),
    Key("python", Kind.FUNCTION, "A function of (verb, action, given) that returns outputs.",
        "./adapter.py:act"),
    Key("prompt", Kind.TEXT, "What a person at the terminal is asked to do.",
        "Press the reset button"),
    Key("ask", Kind.VALUES, "With `prompt`: a question for each output.",
        "{order: the number of the order}"),
    Key("fixed", Kind.VALUES, "Nothing is done; the outputs are always these.",
        "{matchingId: ABC-1}"),
)  # fmt: skip
# exactly one of these makes a way
WAYS = ("rest", "command", "python", "prompt", "fixed")

OPERATOR = (
    Key("url", Kind.URL, "What the paths of HTTP calls are relative to.", "http://127.0.0.1:8080"),
    Key("headers", Kind.HEADERS, "Headers of every call to that URL. Secrets come from the "
        "environment or a file.", "{Authorization: {env: ACME_TOKEN}}"),
    *(Key(name, Kind.VERB, verb.help, verb.example, inside=WAY) for name, verb in VERBS.items()),
)  # fmt: skip

# a folder with evidence.yaml, by what happened to the device that it is about
EVIDENCE = tuple(Key(name, Kind.TEXT, text, f"evidence/{name}") for name, text in {
    "complete": "A true line, with all evidence there is.",
    "independent-reader": "The eUICC cannot sign its state; an independent reader kept the trace.",
    "shifted-clock": "The load came after the seal by the station's clock.",
    "changed-after-seal": "The profile was installed again between seal and first boot.",
    "late-state": "The signed state was made after the first boot.",
    "statement": "The EUM has put the operational profile in, and signs that it did.",
    "no-order": "The profile is there, and its operator knows of no order.",
    "download": "A bootstrap is inside; the operational profile comes at the first boot.",
    "class-operational": "The same, and the bootstrap calls itself operational.",
    "left-disabled": "The operational profile lies disabled behind a bootstrap.",
    "multi-imsi": "An applet takes another IMSI over the air.",
    "loaded-by-ifpp": "What was loaded in the factory is a bootstrap.",
    "no-usim": "In the shield no USIM answers, in a cell the device comes up.",
    "empty-euicc": "The eUICC leaves empty.",
    "other-chip": "Another chip has signed the result of the load.",
    "empty-capture": "The capture of the first boot is empty.",
    "no-canaries": "The capture of the first boot has no canaries.",
    "before-first-function": "The capture ends before the first function.",
    "replayed-state": "The signed state answers an older challenge.",
    "known-challenge": "The station has used the challenge of the witness.",
}.items())  # fmt: skip

PRODUCT = (
    Key("product", Kind.TEXT, "The name of the product.", "acme-eim", required=True),
    Key("version", Kind.TEXT, "Its version.", "3.1", required=True),
    Key("role", Kind.ROLE, "The role that it plays.", "eim", required=True),
    Key("spec", Kind.SPEC, "The version of the specification that it claims.", "SGP.32@1.2",
        required=True),
    Key("endpoints", Kind.TABLE, "Where the bench reaches the product.",
        "{esipa: https://eim.test:8443}", inside=ENDPOINTS),
    Key("listen", Kind.TABLE, "Where the product reaches simulated roles: they listen here.",
        "{eim: 127.0.0.1:8443}", inside=LISTEN),
    Key("names", Kind.TABLE, "Names in TLS and in messages, where they are not those of the URLs.",
        "{eim: eim.example.com}", inside=NAMES),
    Key("identity", Kind.TABLE, "Who the product is, and the eUICC that it knows.",
        "{eim-id: eim.example.com}", inside=IDENTITY),
    Key("keys", Kind.TABLE, "What the bench verifies the product with.", "{tls-ca: ca.pem}",
        inside=KEYS),
    Key("answers", Kind.ANSWERS, "The ICS: yes, no, both, a value, or {answer, reason}.",
        "{EIM_HTTPS: yes}"),
    Key("ixit", Kind.SETTINGS, "Values that cases need.", "{rollback-window: 72 h}"),
    Key("limits", Kind.TABLE, "How long the operator's actions may take.", "{action: 30 s}",
        inside=LIMITS),
    Key("deviations", Kind.ROWS, "Cases that are known to fail; one that passes is a failure.",
        "[{case: ESIPA-EIM-GEP-006, until: 2027-06-30, reason: ticket 815}]", inside=DEVIATION),
    Key("evidence", Kind.TABLE, "System: folders of evidence that the judge reads, by their scene.",
        "{complete: evidence/line-7}", inside=EVIDENCE),
    Key("operator", Kind.TABLE, "How the product is made to act.",
        "{restart: {command: [./restart.sh]}}", inside=OPERATOR),
)  # fmt: skip
