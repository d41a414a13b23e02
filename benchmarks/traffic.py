"""Makes large captures for the benchmarks: ESipa exchanges over HTTP, as a seeded mix.

    python benchmarks/traffic.py http 100000 /tmp/http100k.pcap

Each connection carries a few exchanges of the polling loop. One segment in a hundred is swapped
with its neighbour or sent twice. Messages are made by our encoder; the rivals that are measured
read the same bytes.
"""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path

from dissectors.asn1 import codec

MSS = 1400


def messages(rng: random.Random, count: int) -> list[tuple[bytes, bytes]]:
    """Return `count` (request, response) pairs of bodies; b"" is an empty answer."""
    iot = codec.load("SGP.32@1.2")
    signature = rng.randbytes(64).hex()
    pairs = []
    for number in range(count):
        eid = f"89049032{rng.randrange(10**24):024d}"
        kind = number % 4
        if kind == 0:
            request = iot.encode("GetEimPackageRequest", {"eidValue": eid})
            package = {
                "euiccPackageSigned": {
                    "eimId": "eim.example.com",
                    "eidValue": eid,
                    "counterValue": rng.randrange(1, 100000),
                    "eimTransactionId": rng.randbytes(8).hex(),
                    "euiccPackage": {
                        "psmoList": [
                            {"enable": {"iccid": rng.randbytes(10).hex(), "rollbackFlag": None}},
                            {
                                "listProfileInfo": {
                                    "searchCriteria": {"iccid": rng.randbytes(10).hex()}
                                }
                            },
                        ]
                    },
                },
                "eimSignature": signature,
            }
            response = iot.encode("GetEimPackageResponse", {"euiccPackageRequest": package})
        elif kind == 1:
            result = {
                "euiccPackageResultDataSigned": {
                    "eimId": "eim.example.com",
                    "counterValue": rng.randrange(1, 100000),
                    "eimTransactionId": rng.randbytes(8).hex(),
                    "seqNumber": rng.randrange(1, 70000),
                    "euiccResult": [
                        {"enableResult": "ok"},
                        {
                            "listProfileInfoResult": {
                                "profileInfoListOk": [
                                    {
                                        "iccid": rng.randbytes(10).hex(),
                                        "isdpAid": rng.randbytes(16).hex(),
                                        "profileState": "enabled",
                                        "serviceProviderName": "Operator",
                                        "profileName": "IoT",
                                        "profileClass": "operational",
                                    }
                                    for _ in range(2)
                                ]
                            }
                        },
                    ],
                },
                "euiccSignEPR": signature,
            }
            request = iot.encode(
                "ProvideEimPackageResult",
                {
                    "eidValue": eid,
                    "eimPackageResult": {
                        "euiccPackageResult": {"euiccPackageResultSigned": result}
                    },
                },
            )
            response = iot.encode(
                "ProvideEimPackageResultResponse", {"eimAcknowledgements": [number % 1000 + 1]}
            )
        elif kind == 2:
            pir = {
                "profileInstallationResultData": {
                    "transactionId": rng.randbytes(16).hex(),
                    "notificationMetadata": {
                        "seqNumber": number % 10000 + 1,
                        "profileManagementOperation": {"value": "80", "length": 1},
                        "notificationAddress": "smdp.example.com",
                        "iccid": rng.randbytes(10).hex(),
                    },
                    "smdpOid": "2.999.10",
                    "finalResult": {
                        "successResult": {
                            "aid": rng.randbytes(16).hex(),
                            "simaResponse": "3007a0053003800100",
                        }
                    },
                },
                "euiccSignPIR": signature,
            }
            request = iot.encode(
                "HandleNotificationEsipa",
                {"pendingNotification": {"profileInstallationResult": pir}},
            )
            response = b""
        else:
            request = iot.encode("GetEimPackageRequest", {"eidValue": eid})
            response = iot.encode(
                "GetEimPackageResponse", {"eimPackageError": "noEimPackageAvailable"}
            )
        pairs.append((request, response))
    return pairs  # fmt: skip


def http_request(body: bytes) -> bytes:
    """Return a request of the ESipa ASN.1 binding."""
    return (b"POST /gsma/rsp2/asn1 HTTP/1.1\r\nHost: eim.example.com\r\n"
            b"User-Agent: gsma-rsp-ipad\r\nX-Admin-Protocol: gsma/rsp/v2.1.0\r\n"
            b"Content-Type: application/x-gsma-rsp-asn1\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body))  # fmt: skip


def http_response(body: bytes) -> bytes:
    """Return an answer of the ESipa ASN.1 binding."""
    if not body:
        return (b"HTTP/1.1 204 No Content\r\nX-Admin-Protocol: gsma/rsp/v2.1.0\r\n"
                b"Content-Length: 0\r\n\r\n")  # fmt: skip
    return (b"HTTP/1.1 200 OK\r\nX-Admin-Protocol: gsma/rsp/v2.1.0\r\n"
            b"Content-Type: application/x-gsma-rsp-asn1\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body))  # fmt: skip


class Tcp:
    """One TCP connection that writes its own frames."""

    def __init__(self, client: tuple[bytes, int], server: tuple[bytes, int], isn: int) -> None:
        self.ends = (client, server)
        self.seq = [isn, isn ^ 0x5A5A5A5A]

    def frame(self, side: int, data: bytes = b"", flags: int = 0x18) -> bytes:
        """Return the next Ethernet frame of a side."""
        (src, sport), (dst, dport) = self.ends[side], self.ends[1 - side]
        seq, ack = self.seq[side], self.seq[1 - side]
        tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 0xFFFF, 0, 0)
        total = 20 + len(tcp) + len(data)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total, 0, 0x4000, 64, 6, 0, src, dst)
        self.seq[side] = (seq + len(data) + (1 if flags & 3 else 0)) & 0xFFFFFFFF
        return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + tcp + data

    def send(self, side: int, data: bytes) -> list[bytes]:
        """Return the frames that carry data of a side."""
        return [self.frame(side, data[at : at + MSS]) for at in range(0, len(data), MSS)]


def write_http(path: Path, exchanges: int, port: int = 80, seed: int = 7) -> int:
    """Write a capture of `exchanges`; return the number of eSIM messages in it."""
    rng = random.Random(seed)
    pool = messages(rng, min(exchanges, 4000))
    clock, written, frames_out = 1_750_000_000_000_000, 0, 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        number = 0
        while number < exchanges:
            size = min(rng.choice((2, 4, 8)), exchanges - number)
            client = (bytes((10, 0, rng.randrange(1, 255), rng.randrange(1, 255))),
                      rng.randrange(20000, 60000))  # fmt: skip
            tcp = Tcp(client, (b"\x0a\x00\x00\x05", port), rng.getrandbits(32))
            frames = [tcp.frame(0, flags=2), tcp.frame(1, flags=0x12), tcp.frame(0, flags=0x10)]
            for _ in range(size):
                request, response = pool[number % len(pool)]
                data = [*tcp.send(0, http_request(request)), tcp.frame(1, flags=0x10)]
                data += [*tcp.send(1, http_response(response)), tcp.frame(0, flags=0x10)]
                if rng.random() < 0.01:
                    data.insert(1, data[0])
                frames += data
                number += 1
                written += 2
            frames += [tcp.frame(0, flags=0x11), tcp.frame(1, flags=0x11)]
            for frame in frames:
                clock += 700
                file.write(struct.pack("<IIII", clock // 1_000_000, clock % 1_000_000,
                                       len(frame), len(frame)) + frame)  # fmt: skip
                frames_out += 1
    return written


if __name__ == "__main__":
    what, amount, target = sys.argv[1:4]
    if what != "http":
        sys.exit("usage: traffic.py http EXCHANGES FILE")
    print(write_http(Path(target), int(amount)), "messages")
