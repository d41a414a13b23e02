"""A PC/SC program of its own: sends APDUs to the card in a virtual reader, prints the answers.

It calls libpcsclite and nothing of ours: `python pcsc_program.py HEX...`.
"""

from __future__ import annotations

import ctypes
import sys
import time

_T0_OR_T1, _SHARED, _SYSTEM, _LEAVE = 3, 2, 2, 0


class _Io(ctypes.Structure):
    _fields_ = (("protocol", ctypes.c_ulong), ("length", ctypes.c_ulong))


def main(commands: list[str]) -> int:
    pcsc = ctypes.CDLL("libpcsclite.so.1")
    context, card = ctypes.c_long(), ctypes.c_long()
    protocol, length = ctypes.c_ulong(), ctypes.c_ulong(2048)
    if pcsc.SCardEstablishContext(_SYSTEM, None, None, ctypes.byref(context)):
        print("no PC/SC service")
        return 2
    names = ctypes.create_string_buffer(2048)
    if pcsc.SCardListReaders(context, None, names, ctypes.byref(length)):
        print("no reader")
        return 2
    readers = [name for name in names.raw[: length.value].split(b"\0") if b"Virtual PCD" in name]
    for _ in range(600):  # the service looks for cards twice a second
        found = pcsc.SCardConnect(context, readers[0], _SHARED, _T0_OR_T1, ctypes.byref(card),
                                  ctypes.byref(protocol)) if readers else -1  # fmt: skip
        if not found:
            break
        time.sleep(0.1)
    else:
        print("no virtual reader" if not readers else "no card")
        return 2
    io = _Io(protocol.value, ctypes.sizeof(_Io))
    for command in commands:
        sent = bytes.fromhex(command)
        answer, size = ctypes.create_string_buffer(2048), ctypes.c_ulong(2048)
        code = pcsc.SCardTransmit(card, ctypes.byref(io), sent, ctypes.c_ulong(len(sent)), None,
                                  answer, ctypes.byref(size))  # fmt: skip
        print(answer.raw[: size.value].hex() if not code else f"error {code & 0xFFFFFFFF:08X}")
    pcsc.SCardDisconnect(card, _LEAVE)
    pcsc.SCardReleaseContext(context)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
