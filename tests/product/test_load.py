from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.fileerror import FileError
from sgprobe.product.load import load_product, load_text
from sgprobe.product.model import ProductFile
from sgprobe.product.ways import Command, Fixed, Prompt, Rest
from tests.product.conftest import GOOD, PKI, TODAY

Load = Callable[[str], ProductFile]
Told = Callable[[str], str]


def test_what_a_file_holds(load: Load) -> None:
    product = load(GOOD)
    assert (product.title, product.role, str(product.spec)) == ("acme-eim 3.1", "eim", "SGP.32@1.2")
    esipa, coap = product.endpoints["esipa"], product.endpoints["esipa-coap"]
    assert (esipa.host, esipa.port, esipa.path) == ("127.0.0.1", 8443, "/base")
    assert (coap.scheme, coap.host, coap.port) == ("coaps", "::1", 5684)
    assert (product.listen["smdp"].host, product.listen["smdp"].port) == ("127.0.0.1", 8444)
    assert product.identity["eim-counter"].text == "41"
    assert product.answers["EIM_RETRIEVE"].values == ("yes",)
    assert (product.answers["EIM_COAPS"].text, product.answers["EIM_COAPS"].reason) == (
        "no",
        "later",
    )
    assert product.limits == {"action": 2.0, "restart": 60.0}
    assert product.ixit["repeat-guard"].text == "5 s"
    assert product.warnings == ()


def test_every_part_has_its_place(load: Load) -> None:
    product = load(GOOD)
    lines = GOOD.splitlines()
    assert "esipa-coap" in lines[product.endpoints["esipa-coap"].source.line - 1]
    assert "EIM_TRID" in lines[product.answers["EIM_TRID"].source.line - 1]
    assert "repeat-guard" in lines[product.ixit["repeat-guard"].source.line - 1]
    assert "ESIPA-EIM" in lines[product.deviations[0].source.line - 1]
    way = product.operator.find("restart", "product")
    assert way is not None
    assert "restart" in lines[way.source.line - 1]


def test_keys_are_read(load: Load) -> None:
    product = load(GOOD)
    (eim,) = product.keys["eim"]
    assert eim.certificates
    assert eim.certificates[0].spki == eim.spki
    assert eim.key is not None


def test_samples_are_one_for_each_value(load: Load) -> None:
    samples = load(GOOD).samples()
    assert [one.suffix for one in samples] == ["EIM_TRID=yes", "EIM_TRID=no"]
    assert [one.answers["EIM_TRID"] for one in samples] == [True, False]
    assert all(one.answers["EIM_ID_TYPE"] == "fqdn" for one in samples)
    (only,) = load(GOOD.replace("both", "yes")).samples()
    assert only.suffix == ""


def test_a_deviation_lasts_until_its_day(load: Load) -> None:
    product = load(GOOD)
    assert product.deviation("ESIPA-EIM-GEP-006", "[coap]", date(2027, 1, 31)) is not None
    assert product.deviation("ESIPA-EIM-GEP-006", "", date(2027, 2, 1)) is None
    assert product.deviation("ESIPA-EIM-GEP-007", "", TODAY) is None
    one = load(GOOD.replace("GEP-006,", "'GEP-006[coap]',").replace("ESIPA-EIM-'", "'ESIPA-EIM-"))
    assert one.deviation("ESIPA-EIM-GEP-006", "[coap]", TODAY) is not None
    assert one.deviation("ESIPA-EIM-GEP-006", "coap", TODAY) is not None
    assert one.deviation("ESIPA-EIM-GEP-006", "[https]", TODAY) is None


def test_settings_are_the_products_or_defaults(load: Load, catalogue) -> None:
    told = load(GOOD).settings(catalogue)
    assert (told["repeat-guard"], told["rollback-window"]) == ("5 s", "72 h")
    assert "sas-number" not in told


def test_ways_by_verb_and_action(load: Load) -> None:
    ways = load(GOOD).operator
    assert isinstance(ways.find("order", "enable"), Rest)
    assert isinstance(ways.find("order", "disable"), Fixed)
    assert ways.find("order", "delete") is None
    assert isinstance(ways.find("outcome", "order"), Rest)
    assert isinstance(ways.find("restart", "product"), Command)
    assert isinstance(ways.find("trigger", "inject"), Prompt)
    assert ways.find("clock", "set") is None


WRONG = [
    ("role: eim", "role: eimm", "'role' is a role (eim, ipa,"),
    ("version: 3.1\n", "", "a product file needs the key 'version'"),
    ("spec: SGP.32@1.2", "spec: SGP.32@9", "not 'SGP.32@9'"),
    ("product: acme-eim", "produkt: acme-eim", "did you mean 'product'?"),
    ("esipa: https://127.0.0.1:8443/base", "esipa: http://127.0.0.1", "begins with https://"),
    ("esipa: https://127.0.0.1:8443/base", "esipa: https://h:99999", "'esipa' is a URL"),
    ("esipa: https://127.0.0.1:8443/base", "esipa: https://me:pw@h", "'esipa' is a URL"),
    ("esipa: https://127.0.0.1:8443/base", "es9plus: https://h", "an eIM has no endpoint"),
    ("  smdp: 127.0.0.1:8444", "  smdp: 8444", "'smdp' is HOST:PORT, not '8444'"),
    ("  smdp: 127.0.0.1:8444", "  smdp: :8444", "'smdp' is HOST:PORT, not ':8444'"),
    ("  smdp: 127.0.0.1:8444", "  smdp: h:8x", "'smdp' is HOST:PORT, not 'h:8x'"),
    ("  smdp: 127.0.0.1:8444", "  smdp: 'a b:80'", "'smdp' is HOST:PORT, not 'a b:80'"),
    ("  smdp: 127.0.0.1:8444", "  smdp: h:99999", "'smdp' is HOST:PORT, not 'h:99999'"),
    ("  smdp: 127.0.0.1:8444", "  eim: 127.0.0.1:8444", "nobody simulates it"),
    ("/ci.cert.pem", "/nobody.pem", "cannot be read: No such file"),
    ("/ci.cert.pem", "/ci.key.pem", "holds a private key"),
    ("EIM_HTTPS: yes", "EIM_HTPS: yes", "did you mean 'EIM_HTTPS'?"),
    ("EIM_HTTPS: yes", "EIM_HTTPS: perhaps", "EIM_HTTPS is one of yes, no, both, not 'perhaps'"),
    ("EIM_HTTPS: yes", "EIM_HTTPS: no", "EIM_HTTPS is a must, as not EIM_COAPS; the answer is no"),
    ("EIM_HTTPS: yes", "IPA_HTTPS: yes", "it is one for ipa"),
    ("EIM_TRID: both", "O_S_TRID: yes\n  EIM_TRID: yes", "is answered already, in line"),
    ("EIM_TRID: both", "EIM_COMPACT: yes\n  EIM_INDIRECT: no", "EIM_COMPACT implies EIM_INDIRECT"),
    ("reason: later", "raeson: later", "did you mean 'reason'?"),
    ("EIM_ID_TYPE: fqdn", "EIM_ID_TYPE: both", "EIM_ID_TYPE is one of oid, fqdn, proprietary"),
    ("repeat-guard: 5 s", "repeat-guard: 5 seconds", "'5 seconds' is not a time"),
    ("repeat-guard: 5 s", "rollback-window: 5 s", "it is one of ipa"),
    ("action: 2 s", "action: soon", "'action' is a time"),
    ("until: 2027-01-31", "until: 2027-02-30", "'until' is a date"),
    ("reason: ticket 815", "raison: ticket 815", "a deviation needs the key 'reason'"),
    ("case: ESIPA-EIM-GEP-006", "case: esipa", "'case' is the id of a case"),
    ("until: 2027-01-31", "until: 2026-01-31", "warning: the deviation of ESIPA-EIM-GEP-006 ended"),
    ("{env: ACME_TOKEN}", "Bearer 0123456789", "is a secret: it does not stand in the file"),
    ("{env: ACME_TOKEN}", "{envv: ACME_TOKEN}", "is text, {env: NAME} or {file: PATH}"),
    ("    enable:\n", "    enabel:\n", "did you mean 'enable'?"),
    ("- post: /orders", "- psot: /orders", "a call of 'order.enable' has no methods"),
    ("- post: /orders", "- post: orders", "is neither a URL nor a path of one"),
    ("eidValue: $eid", "eidValue: $1", "'$1' is no reference"),
    ("[200, 303]", "[200, 3030]", "a status is a number from 100 to 599"),
    ("header.location", "haeder.location", "is taken from `status`, `header.NAME`"),
    ("{fixed: {order: none}}", "{fixed: {}, prompt: x}", "has 2 ways; it is one of rest,"),
    ("{fixed: {order: none}}", "{ask: {order: x}}", "has no ways; it is one of rest,"),
    ("{fixed: {order: none}}", "{python: nothing}", "is not MODULE:FUNCTION"),
    ("{fixed: {order: none}}", "{python: './no.py:act'}", "there is no file './no.py'"),
    ("command: [true]", "command: [./restart.sh]", "there is no file './restart.sh'"),
    ("EIM_HTTPS: yes", "EIM_HTTPS: []", "'EIM_HTTPS' has no answer"),
    ("EIM_HTTPS: yes", "EIM_HTTPS: {reason: x}", "'EIM_HTTPS' has no 'answer'"),
    ("EIM_HTTPS: yes", "EIM_HTTPS: [[yes]]", "EIM_HTTPS is one of yes, no, both, not a list"),
    ("command: [true]", "rest: [x]", "holds calls: mappings with a method"),
    ("command: [true]", "rest: {get: /x, path: [$1]}", "'$1' is no reference"),
    ("command: [true]", "rest: {get: /x, query: {a: $1}}", "'$1' is no reference"),
    ("command: [true]", "command: [echo, $1]", "'$1' is no reference"),
    ("command: [true]", "python: 'a b:act'", "'a b' is no name of a module"),
    ("{env: ACME_TOKEN}", "{env: ''}", "is text, {env: NAME} or {file: PATH}"),
    ("{from: body.status, words:", "{frm: body.status, words:", "'state' has `from` and `words`"),
    ("command: [true]", "rest: []", "'restart' makes no call"),
    ("command: [true]", "fixed: {a: [b]}", "'a' is a text"),
    ("command: [true]", "command: [{a: b}]", "and nothing else"),
    ("command: [true]", "command: [./\0x]", "acme.yaml:"),
    ("order: none}}", "order: none}, ask: {a: b}}", "'ask' goes with 'prompt'"),
    ("disable: {fixed", "disable: fixed\n    delete: {fixed", "'disable' is a way: one of rest"),
    ("Authorization: {", "'Bad header': {", "'Bad header' is no name of a header"),
    ("repeat-guard: 5 s", "repeat-guard: [5 s]", "'repeat-guard' is a text"),
    ("  tls-ca: ", "  ci: [[]]\n  tls-ca: ", "'ci' names files"),
    ("deviations:\n", "deviations:\n  - x\n", "a deviation has case, until and reason"),
    ("deviations:\n", "deviations:\n  - {case: ESIPA-EIM-GEP-006, until: 2027-01-01, reason: r}\n",
     "'ESIPA-EIM-GEP-006' stands in line"),
    ("command: [true]", "command: []", "a command begins with a program"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "wanted"), WRONG, ids=[row[2][:50] for row in WRONG])
def test_what_is_wrong_is_told_with_its_place(told: Told, old: str, new: str, wanted: str) -> None:
    assert old in GOOD
    text = told(GOOD.replace(old, new, 1))
    assert wanted in text
    assert "^" in text
    assert "acme.yaml:" in text


def test_a_right_file_has_no_problem(told: Told) -> None:
    assert told(GOOD) == ""


def test_an_error_looks_like_this(told: Told, tmp_path) -> None:
    text = told(GOOD.replace("EIM_HTTPS: yes", "EIM_HTTPS: jes"))
    assert text == textwrap.dedent(f"""\
        {tmp_path}/acme.yaml:19:14: EIM_HTTPS is one of yes, no, both, not 'jes'
           19 |   EIM_HTTPS: jes
              |              ^^^
          hint: did you mean 'yes'?""")


def test_all_that_is_wrong_is_told_at_once(told: Told) -> None:
    text = GOOD.replace("role: eim", "rôle: eim").replace("2 s", "2 x").replace("yes", "jes")
    assert told(text).count("not 'jes'") == 2
    assert told(text).count("hint: ") == 5
    assert "did you mean 'role'?" in told(text)


@pytest.mark.parametrize("text", ["", "[]", "role", "{a: b", "- \t", "role: [eim]", "answers: 7"])
def test_what_is_no_product_file(told: Told, text: str) -> None:
    assert told(text)


def test_a_file_that_is_not_there(catalogue, tmp_path) -> None:
    with pytest.raises(FileError, match="No such file"):
        load_product(tmp_path / "none.yaml", catalogue, TODAY)


def test_headings_without_lines_are_absent(load: Load) -> None:
    product = load("product: a\nversion: 1\nrole: smdp\nspec: SGP.22@2.5\nanswers:\noperator:\n")
    assert product.answers == {}
    assert product.operator.ways == {}


PIECES = GOOD.splitlines(keepends=True)


@settings(max_examples=120)
@given(st.data())
def test_any_change_gives_a_product_or_problems(catalogue, data: st.DataObject) -> None:
    lines = list(PIECES)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        how = data.draw(st.sampled_from(["drop", "cut", "list", "map", "text", "swap"]))
        key, _, _ = line.partition(":")
        lines[place] = {
            "drop": "",
            "cut": line[: data.draw(st.integers(0, len(line)))] + "\n",
            "list": f"{key}: [1, {{a: b}}, []]\n",
            "map": f"{key}: {{a: {{b: c}}, d: [e]}}\n",
            "text": f"{key}: {data.draw(st.text(max_size=12))!r}\n",
            "swap": data.draw(st.sampled_from(PIECES)),
        }[how]
    try:
        product = load_text("".join(lines), Path("/nowhere/acme.yaml"), catalogue, TODAY)
    except FileError as error:
        found = bool(error.problems)
    else:
        found = bool(product.samples())
    assert found


def test_a_private_key_is_never_shown(told: Told) -> None:
    text = told(GOOD.replace("/ci.cert.pem", "/ci.key.pem"))
    secret = (PKI / "ci.key.pem").read_text().splitlines()[1]
    assert secret not in text
