"""Names with parts: a part that nobody knows is told before a case runs."""

from __future__ import annotations

import pytest

from sgprobe.cases.references import BUILT_IN, Is, Reference, Scope


@pytest.mark.parametrize(
    "name", ["devices", "devices.1", "devices.100.eid", "devices.2.key2", "reports.3"]
)
def test_parts_of_devices_and_reports_are_known(name: str) -> None:
    assert Scope(BUILT_IN).find(name) is not None


@pytest.mark.parametrize(
    "name", ["devices.0.eid", "devices.1.eidd", "devices.x.eid", "devices.1.eid.x", "reports.first"]
)
def test_a_part_that_nobody_knows_is_unknown(name: str) -> None:
    assert Scope(BUILT_IN).find(name) is None


def test_what_devices_have_is_told() -> None:
    assert "iccid-octets" in Scope(BUILT_IN).hint("devices.1.icid")


def test_a_capture_of_that_name_has_any_part() -> None:
    scope = Scope({"reports": Reference("reports", Is.ANY, "a capture")})
    assert scope.find("reports.anything") is not None
