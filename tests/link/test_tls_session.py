"""What a session is described as, its alerts, and the codes of its findings."""

from __future__ import annotations

import json
import subprocess
import sys

from tls_endpoints import TCP, Log, Pair, context, decode, keylog
from tls_forge import Forge

from dissectors.finding import Code, Severity
from dissectors.link import tls_codes
from dissectors.link.keylog import KeyLog
from dissectors.link.tls_session import Alert
from dissectors.link.tls_teller import LISTED_PER_CODE, Teller


def test_as_dict_is_json_and_complete() -> None:
    log = Log()
    both = {"ciphers": "ECDHE-ECDSA-AES128-SHA256", "groups": "brainpoolP256r1", "mutual": True}
    both["kind"] = "brainpoolP256r1"
    pair = Pair(
        context(server=False, log=None, **both), context(server=True, log=log, **both), alpn=[b"h2"]
    )
    (info,) = decode(pair.talk().wire, keylog(log.text)).sessions
    shown = json.loads(json.dumps(info.as_dict()))
    for gone in ("clientRandom", "certificates", "time", "frames"):
        assert shown.pop(gone)
    assert shown == {
        "flow": 1,
        "client": "10.0.0.2:50000",
        "server": "10.0.0.1:443",
        "session": 1,
        "protocol": "tls",
        "serverName": "eim.example",
        "alpnOffered": ["h2"],
        "alpn": "",
        "versionsOffered": ["TLS 1.2"],
        "version": "TLS 1.2",
        "suitesOffered": [
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
            "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
        ][: len(shown["suitesOffered"])],
        "suite": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        "groupsOffered": ["brainpoolP256r1"],
        "group": "brainpoolP256r1",
        "extendedMasterSecret": True,
        "encryptThenMac": True,
        "resumption": "",
        "earlyData": "",
        "pskIdentity": "",
        "connectionIds": [],
        "alerts": ["client: close_notify (warning)", "server: close_notify (warning)"],
        "decryption": "complete",
        "needed": [],
        "reason": "",
    }


def test_nothing_known_is_described_too() -> None:
    forge = Forge(0xC02B, dtls=False)
    (info,) = decode([(0, forge.seal(0, 23, b"x"))], KeyLog()).sessions
    assert json.dumps(info.as_dict())
    assert (info.client, info.server, info.version, info.suite) == (None, None, 0, None)
    assert info.server_name == ""
    assert info.decryption == "none"
    assert "both hellos are missing" in info.reason


def test_no_secret_is_in_what_is_said() -> None:
    """Neither findings nor session carry a master secret, right or wrong."""
    forge = Forge(0xC02B, dtls=False)
    wire = [*forge.handshake(), (0, forge.data(0, b"hello"))]
    for master in (forge.master, forge.master[::-1]):
        text = b"CLIENT_RANDOM %s %s" % (
            forge.client_random.hex().encode(),
            master.hex().encode(),
        )
        sink = decode(wire, keylog(text), psk=b"pre-shared")
        said = repr(sink.sessions) + repr(sink.problems) + repr(sink.sessions[0].as_dict())
        for secret in (master, b"pre-shared"):
            assert secret.hex() not in said
            assert repr(secret)[2:-1] not in said


def test_alerts_have_names() -> None:
    assert str(Alert(0, 2, 48, False, ())) == "unknown_ca (fatal)"
    assert str(Alert(0, 1, 255, False, ())) == "alert 255 (warning)"
    assert str(Alert(0, None, None, True, ())) == "encrypted alert"


def test_codes_are_distinct_and_none_is_unused() -> None:
    codes = {name: code for name, code in vars(tls_codes).items() if isinstance(code, Code)}
    names = [code.name for code in codes.values()]
    assert len(set(names)) == len(names)
    assert all(name.startswith(("tls-", "dtls-", "keylog-")) for name in names)
    folder = tls_codes.__file__.rsplit("/", 1)[0]
    command = ["grep", "-rhow", "--include=*.py", "-E", "|".join(codes), folder]
    used = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in codes if used.count(name) < 2] == []


def test_teller_has_a_last_word() -> None:
    told = []

    class Sink:
        def problem(self, finding: object, frames: tuple[int, ...]) -> None:
            told.append(finding)

    teller = Teller(Sink())
    for _ in range(LISTED_PER_CODE * 3):
        teller.tell(tls_codes.NOT_RECORDS, "words", (1,))
    teller.tell(tls_codes.ALERT, "another kind", (1,))
    assert len(told) == LISTED_PER_CODE + 2
    assert told[-1].severity == Severity.WARNING


def test_the_cipher_library_is_not_loaded_before_a_key_is_used() -> None:
    program = (
        "import sys\n"
        "import dissectors.link.tls_stream, dissectors.link.dtls_stream\n"
        "from dissectors.link.keylog import KeyLog\n"
        "KeyLog().add_text('CLIENT_RANDOM ' + '00' * 32 + ' ' + '00' * 48)\n"
        "print(sorted(m for m in sys.modules if m.startswith('cryptography')))\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert out.stdout == "[]\n"


def test_flow_is_kept() -> None:
    forge = Forge(0xC02B, dtls=False)
    (info,) = decode(forge.handshake(), KeyLog()).sessions
    assert info.flow == TCP
