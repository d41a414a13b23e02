"""An order of which an HTTP call drops something is no order that a case could be judged by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sgprobe.product.actions import of_trigger
from sgprobe.product.load import load_text
from sgprobe.product.passed_on import dropped
from sgprobe.questions import Catalogue
from tests.product.conftest import TODAY

ORDER = """\
product: a
version: 1
role: {role}
spec: SGP.32@1.2
operator:
  url: http://127.0.0.1:1
  order:
    {action}:
      {way}
"""
SHORT = "{rest: {post: /o, body: {eid: $eid, iccid: $~iccid}}}"
FULL = "{rest: [{post: /o, body: [{release: $~release}], path: [$~expires-in]}]}"


def left(
    catalogue: Catalogue, role: str, action: str, way: str, given: dict[str, Any]
) -> list[str]:
    text = ORDER.format(role=role, action=action, way=way)
    found = load_text(text, Path("a.yaml"), catalogue, TODAY).operator.find("order", action)
    assert found is not None
    trigger = "smdp.order" if role == "smdp" else "eim.queue-package"
    return dropped(found, "order", action, of_trigger(trigger, given).given)


@pytest.mark.parametrize(
    ("way", "given", "lost"),
    [
        (SHORT, {"eid": "1"}, []),
        (SHORT, {"eid": "1", "release": "no", "expires-in": "5"}, ["release", "expires-in"]),
        (FULL, {"eid": "1", "release": "no", "expires-in": "5"}, []),
        (SHORT, {"type": "30k", "release": "yes"}, []),
        (SHORT, {"type": "ppr1"}, ["type"]),
        ("{fixed: {state: done}}", {"matching-id": ""}, ["matching-id"]),
        ("{command: [true]}", {"release": "no"}, []),
    ],
)
def test_what_an_order_of_a_profile_loses(
    catalogue: Catalogue, way: str, given: dict[str, Any], lost: list[str]
) -> None:
    assert left(catalogue, "smdp", "profile", way, given) == lost


@pytest.mark.parametrize(
    ("way", "more", "lost"),
    [
        (SHORT, {}, []),
        (SHORT, {"rollback": "yes"}, ["rollback"]),
        (SHORT, {"rollback": "no"}, []),
        ("{rest: {post: /o, body: {all: $operations}}}", {"rollback": "yes"}, []),
        ("{rest: {post: /o, body: {all: $operations}}}", {"expires-in": "9"}, ["expires-in"]),
    ],
)
def test_what_a_package_loses(
    catalogue: Catalogue, way: str, more: dict[str, Any], lost: list[str]
) -> None:
    given = {"eid": "1", "enable": "98940000000000000050", **more}
    assert left(catalogue, "eim", "enable", way, given) == lost


def test_a_code_that_the_user_types_is_not_dropped(catalogue: Catalogue) -> None:
    text = ORDER.replace("  order:", "  trigger:").format(
        role="ipa", action="download", way="{rest: {post: /d, body: {code: $activation-code}}}"
    )
    found = load_text(text, Path("a.yaml"), catalogue, TODAY).operator.find("trigger", "download")
    assert found is not None
    given = {"activation-code": "1$a$B", "confirmation-code": "1234"}
    assert dropped(found, "trigger", "download", given) == ["confirmation-code"]
    assert dropped(found, "trigger", "poll", given) == []
