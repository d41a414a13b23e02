"""No private key and no confirmation code stands in what a run tells, or in reprs of its parts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from play_helpers import HEAD

from sgprobe import events as e
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.bench import Bench, Choice
from sgprobe.engine.item import Item
from sgprobe.engine.played import Options
from sgprobe.engine.talk import Talk
from sgprobe.mutants.hunt import case_paths
from sgprobe.report.failure import failure_text

PARTIES = ("eim-sign", "eim-tls", "euicc", "euicc2", "dpauth", "dppb", "dptls", "dsauth", "dstls")
CODE = "hush-hush-4711-code"
# a download with a confirmation code; %s is expected of the IPA
DOWNLOAD = (
    HEAD.format(ident="TRY-A", role="ipa")
    + f"""\
given:
  - trigger: smdp.order
    with: {{eid: $eid, confirmation-code: {CODE}}}

steps:
  - trigger: ipa.download
    with: {{confirmation-code: {CODE}}}
  - ipa -> smdp: getBoundProfilePackage
    within: 60 s
    fields: {{transactionId: %s}}
"""
)
CASES = ("ESIPA-EIM-GEP-006", "RPL-EUI-CNT-001", "ES9P-DP-ACL-013", "RBK-IPA-CON-001")


class Forbidden:
    """What must not be anywhere, in upper or lower case."""

    def __init__(self, words: list[str]) -> None:
        self._words = [one.lower() for one in words]

    def search(self, text: str) -> str | None:
        """Return where one of them stands, with what is around it."""
        text = text.lower()
        # an alternation of regular expressions would try all of them at each letter
        for word in self._words:
            at = text.find(word)
            if at >= 0:
                return text[max(0, at - 200) : at + len(word) + 100]
        return None


@pytest.fixture(scope="module")
def forbidden() -> Forbidden:
    """Return what must not be anywhere: private scalars in each form, and the code."""
    found = [CODE, CODE.encode().hex(), base64.b64encode(CODE.encode()).decode()[:20]]
    for curve in TestPki.load():
        for party in PARTIES:
            number = curve[party].key.private_numbers().private_value
            octets = number.to_bytes(32, "big")
            found += [octets.hex(), str(number), base64.b64encode(octets).decode()[:42]]
    assert len(found) > 40
    return Forbidden(found)


def played(path: Path, folder: Path, **options: object) -> Iterator[tuple[Item, list[e.Event]]]:
    made: list[Item] = []
    good = Item.run

    def run(self: Item):  # type: ignore[no-untyped-def]
        made.append(self)
        return good(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Item, "run", run)
        ixit = {"rollback-window": "72 h", "answer-limit": "30 s"}
        bench = Bench(Choice(options=Options(out=folder, ixit=ixit, **options)))
        for ready in bench.ready(path)[:1]:
            told: list[e.Event] = []
            bench.run(ready, told.append)
            yield made[-1], told


def everything(item: Item, told: list[e.Event]) -> str:
    """Return all that is told of an item, and its parts as a debugger would show them."""
    # the text of a case is the author's own
    lines = [e.to_line(one) for one in told if not isinstance(one, e.CaseText)]
    talk = item._talk
    assert isinstance(talk, Talk)
    stage = talk.stage
    parts = [item, item.options, talk, talk.names, talk.history, talk.composer, talk.impostor]
    parts += [stage, stage.setting, stage.world, stage.device, stage.card_says, stage.references]
    return "\n".join([*lines, failure_text(told), *map(repr, parts)])


@pytest.mark.parametrize("ident", CASES)
def test_a_case_of_the_suite(ident: str, tmp_path: Path, forbidden: Forbidden) -> None:
    for item, told in played(case_paths()[ident], tmp_path):
        found = forbidden.search(everything(item, told))
        assert found is None, found


@pytest.mark.parametrize("expected", ["<any>", "00"], ids=["pass", "fail"])
def test_a_download_with_a_code(expected: str, tmp_path: Path, forbidden: Forbidden) -> None:
    path = tmp_path / "TRY-A.case.yaml"
    path.write_text(DOWNLOAD % expected, encoding="utf-8")
    [(item, told)] = played(path, tmp_path)
    last = told[-1]
    assert isinstance(last, e.ItemEnded)
    assert last.verdict == ("pass" if expected == "<any>" else "fail"), last.reason
    found = forbidden.search(everything(item, told))
    assert found is None, found


def test_a_code_that_breaks_the_bench(tmp_path: Path, forbidden: Forbidden) -> None:
    """What an exception holds goes into a note: the arguments of a trigger do not."""
    path = tmp_path / "TRY-A.case.yaml"
    path.write_text(DOWNLOAD % "<any>", encoding="utf-8")

    async def broken(self: object, given: dict[str, object]) -> dict[str, object]:
        raise ZeroDivisionError("no number")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sgprobe.engine.references.References._order", broken)
        [(item, told)] = played(path, tmp_path)
    found = forbidden.search(everything(item, told))
    assert found is None, found


def test_the_search_finds_what_it_looks_for(forbidden: Forbidden) -> None:
    key = TestPki.load()["p256"]["eim-sign"].key.private_numbers().private_value
    for text in (f"xx{key:064X}yy", f'"{key}"', f"code {CODE}", CODE.encode().hex()):
        assert forbidden.search(text)
