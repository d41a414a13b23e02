"""What an eUICC that refuses a package says of the product file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sgprobe.engine.card.refusal import refusal


def said(*results: Any) -> Any:
    heard = [SimpleNamespace(sender="euicc", type="EuiccPackageResult", value=one)
             for one in results]  # fmt: skip
    other = SimpleNamespace(sender="eim", type="GetEimPackageResponse", value={})
    return SimpleNamespace(said=[other, *heard, other])


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        ({"euiccPackageErrorUnsigned": {"eimId": "x"}}, "association-token"),
        (
            {
                "euiccPackageErrorSigned": {
                    "euiccPackageErrorDataSigned": {"euiccPackageErrorCode": "replayError"}
                }
            },
            "replayError: `identity: {eim-counter}`",
        ),
        (
            {
                "euiccPackageErrorSigned": {
                    "euiccPackageErrorDataSigned": {"euiccPackageErrorCode": "undefinedError"}
                }
            },
            "refused the package, undefinedError",
        ),
    ],
)
def test_a_refusal_names_what_to_look_at(result: Any, wanted: str) -> None:
    assert wanted in refusal(said(result))


def test_what_was_taken_is_no_refusal() -> None:
    assert refusal(said({"euiccPackageErrorUnsigned": {}}, {"euiccPackageResultSigned": {}})) == ""
    assert refusal(said("no value")) == ""
    assert refusal(said()) == ""
