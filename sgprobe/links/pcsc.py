"""Readers of the system by PC/SC; needs pyscard (`pip install sgprobe[card]`)."""

from __future__ import annotations

import asyncio
from typing import Any

from sgprobe.links.card import ReaderGone


def list_readers() -> list[str]:
    """Return the names of the readers."""
    from smartcard.pcsc.PCSCExceptions import EstablishContextException

    try:
        return [str(reader) for reader in _pyscard().readers()]
    except EstablishContextException:
        raise ReaderGone("the PC/SC service does not run; start pcscd") from None


def _pyscard() -> Any:
    try:
        import smartcard.System
    except ImportError:
        raise ReaderGone(
            "PC/SC readers need pyscard, which is not installed; pip install 'sgprobe[card]'"
        ) from None
    return smartcard.System


class PcscReader:
    """Reads a card in a reader; the library blocks, so it works in a thread."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._connection: Any = None
        self._turn = asyncio.Lock()

    async def transmit(self, apdu: bytes) -> bytes:
        """Send one command and return the response; raises ReaderGone."""
        async with self._turn:
            return await asyncio.to_thread(self._transmit, apdu)

    async def reset(self) -> None:
        """Power the card off and on."""
        async with self._turn:
            await asyncio.to_thread(self._reset)

    async def atr(self) -> bytes:
        """Return the ATR."""
        async with self._turn:
            return await asyncio.to_thread(lambda: bytes(self._connected().getATR()))

    async def close(self) -> None:
        """Let go of the card."""
        async with self._turn:
            if self._connection is not None:
                await asyncio.to_thread(self._connection.disconnect)
                self._connection = None

    # --- in the thread ---

    def _connected(self) -> Any:
        if self._connection is None:
            system = _pyscard()
            from smartcard.Exceptions import SmartcardException

            found = [one for one in system.readers() if self._name in str(one)]
            if not found:
                names = ", ".join(list_readers()) or "none"
                raise ReaderGone(f"no reader is called {self._name!r}; there are: {names}")
            connection = found[0].createConnection()
            try:
                connection.connect()
            except SmartcardException as error:
                raise ReaderGone(f"{found[0]}: {error}") from None
            self._connection = connection
        return self._connection

    def _transmit(self, apdu: bytes) -> bytes:
        connection = self._connected()
        from smartcard.Exceptions import SmartcardException

        try:
            data, sw1, sw2 = connection.transmit(list(apdu))
        except SmartcardException as error:
            self._connection = None
            raise ReaderGone(f"the card is gone: {error}") from None
        return bytes(data) + bytes((sw1, sw2))

    def _reset(self) -> None:
        connection = self._connected()
        from smartcard.Exceptions import SmartcardException
        from smartcard.scard import SCARD_RESET_CARD

        try:
            connection.reconnect(disposition=SCARD_RESET_CARD)
        except SmartcardException as error:
            self._connection = None
            raise ReaderGone(f"the card does not come back: {error}") from None
