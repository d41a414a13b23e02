from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dissectors.layers import workbench
from dissectors.layers.base import LayerError

ROOT = Path(__file__).resolve().parents[2]
POLL = "bf4f125a1089049032123451234512345678901235"


def test_helpers_of_the_codec() -> None:
    assert workbench.decode(POLL).type == "GetEimPackageRequest"
    assert workbench.decode(bytes.fromhex(POLL)).decoded.value["eidValue"].startswith("8904")
    assert workbench.encode("GetEimPackageResponse", {"eimPackageError": 1}).hex() == "bf4f03020101"
    assert workbench.encode("ProvideEimPackageResultResponse", {}, "SGP.32@1.0.1").hex() == "bf5000"
    packet = workbench.packet(POLL)
    assert packet.__class__ is workbench.names()["GetEimPackageRequest"]
    assert workbench.packet("bf5000", "ProvideEimPackageResultResponse").spec == "SGP.32@1.0.1"
    with pytest.raises(LayerError, match="did you mean"):
        workbench.encode("GetEimPackageRespons", {})


def test_every_layer_has_a_name() -> None:
    names = workbench.names()
    for name in ("Coap", "DtlsRecord", "StoreData", "Gsmtap", "HTTPRequest", "IP", "RspSession",
                 "EuiccPackageRequest", "Es9HandleNotificationRequestJson", "codec"):  # fmt: skip
        assert name in names
    assert workbench.packet_list([workbench.packet(POLL)], "one")[0].eidValue.startswith("8904")


@pytest.mark.parametrize(
    "code",
    [
        "import dissectors.trace.read, dissectors.trace.render.lines, dissectors.trace.parallel",
        "from sgprobe.cli import run; run(['decode', 'BF4F03020101'])",
        "import dissectors.layers",
    ],
)
def test_the_bulk_path_does_not_import_scapy(code: str) -> None:
    tell = f"{code}\nimport sys\nprint('SCAPY', 'scapy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, cwd=ROOT)
    assert "SCAPY False" in done.stdout, done.stdout + done.stderr


def test_nothing_imports_all_of_scapy() -> None:
    tell = "import dissectors.layers.workbench, sys\nprint('ALL', 'scapy.all' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, cwd=ROOT)
    assert "ALL False" in done.stdout, done.stdout + done.stderr
