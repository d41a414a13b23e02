"""A product that cannot find a simulated server is not blamed for what it never heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from sgprobe.data import data_dir
from sgprobe.engine.bench import Bench, Choice, Ready
from sgprobe.events import Verdict
from sgprobe.product.load import load_product
from sgprobe.product.model import ProductFile
from sgprobe.questions import shipped

EXAMPLES = Path(__file__).parents[2] / "examples" / "products"


def ready(case: str, product: ProductFile) -> list[Ready]:
    path = next(data_dir("suites").rglob(f"{case}.case.yaml"))
    found = Bench(Choice(product=product)).ready(path)
    return [one for one in found if one.verdict is not Verdict.NOT_APPLICABLE]


def product(name: str, *, without: str = "") -> ProductFile:
    found = load_product(EXAMPLES / name, shipped(), date(2026, 11, 21))
    kept = {role: place for role, place in found.listen.items() if role != without}
    return replace(found, listen=kept)


@pytest.mark.parametrize(
    ("case", "role", "title"),
    [
        ("ES11-CLI-ACL-009", "smds", "SM-DS"),
        ("ES9C-CLI-IAU-001", "smdp", "SM-DP+"),
        # what the capture has to show
        ("ES9C-CLI-HNT-003", "smds", "SM-DS"),
    ],
)
def test_without_a_place_a_server_cannot_be_found(case: str, role: str, title: str) -> None:
    found = ready(case, product("own-eim.yaml", without=role))
    assert found
    for one in found:
        assert one.verdict is Verdict.INCONCLUSIVE
        assert one.reason == (
            f"the product cannot find the simulated {title}: "
            f"`listen: {{{role}: HOST:PORT}}` of its file says where it listens"
        )
    assert {one.verdict for one in ready(case, product("own-eim.yaml"))} == {None}


def test_what_a_product_need_not_ask_is_no_matter() -> None:
    found = ready("ESIPA-EIM-GEP-002", product("own-eim.yaml", without="smdp"))
    assert {one.verdict for one in found} == {None}
