"""A product file that is right, and what loads a change of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from sgprobe.data import data_dir
from sgprobe.fileerror import FileError, render
from sgprobe.product.load import load_text
from sgprobe.product.model import ProductFile
from sgprobe.questions import Catalogue, shipped

TODAY = date(2026, 11, 21)
PKI = data_dir("vectors") / "pki" / "p256"
GOOD = f"""\
product: acme-eim
version: 3.1
role: eim
spec: SGP.32@1.2
endpoints:
  esipa: https://127.0.0.1:8443/base
  esipa-coap: coaps://[::1]
listen:
  smdp: 127.0.0.1:8444
names:
  eim: eim.example.com
identity:
  eim-id: eim.example.com
  eim-counter: 41
keys:
  tls-ca: {PKI}/ci.cert.pem
  eim: [{PKI}/eim-sign.cert.pem]
answers:
  EIM_HTTPS: yes
  EIM_COAPS: {{answer: no, reason: later}}
  O_S_PKG_RETRIEVAL: yes
  EIM_TRID: both
  EIM_ID_TYPE: fqdn
ixit:
  repeat-guard: 5 s
limits:
  action: 2 s
deviations:
  - {{case: ESIPA-EIM-GEP-006, until: 2027-01-31, reason: ticket 815}}
operator:
  url: http://127.0.0.1:8080/api
  headers:
    Authorization: {{env: ACME_TOKEN}}
  order:
    enable:
      rest:
        - post: /orders
          body:
            eidValue: $eid
            order: {{enable: {{iccid: $iccid-octets, rollback: $~rollback}}}}
          expect: [200, 303]
          take: {{order: header.location}}
    disable: {{fixed: {{order: none}}}}
  outcome:
    rest: {{get: $order, take: {{state: {{from: body.status, words: {{new: open, done: done}}}}}}}}
  restart: {{command: [true]}}
  trigger: {{inject: {{prompt: Press the button, ask: {{when: the time}}}}}}
"""


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return shipped()


@pytest.fixture
def load(catalogue: Catalogue, tmp_path: Path) -> Callable[[str], ProductFile]:
    return lambda text: load_text(text, tmp_path / "acme.yaml", catalogue, TODAY)


@pytest.fixture
def told(load: Callable[[str], ProductFile]) -> Callable[[str], str]:
    """Return what a person reads of what is wrong with a text, or of its warnings."""

    def of(text: str) -> str:
        lines = text.splitlines()
        try:
            problems = load(text).warnings
        except FileError as error:
            problems = error.problems
        return "\n".join(render(one, lambda file: lines) for one in problems)

    return of
