"""What an eUICC that refuses a package says of the product file."""

from __future__ import annotations

from typing import Any

import pytest

from sgprobe.engine.card.refusal import refusal


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
    assert wanted in refusal(result)


def test_what_was_taken_is_no_refusal() -> None:
    assert refusal({"euiccPackageResultSigned": {}}) == ""
    assert refusal("no value") == ""
    assert refusal(None) == ""
