"""The field for CoAP options: names and plain values for a person, numbers and octets inside."""

from __future__ import annotations

from typing import Any

from scapy.fields import Field
from scapy.packet import Packet

from dissectors.layers.base import LayerError
from dissectors.link.coap import options as opt

_NUMBERS = {rule.name.lower(): rule.number for rule in opt.REGISTRY.values()}


class OptionsField(Field[Any, Any]):
    """A list of (name or number, value); values are octets, text or numbers."""

    islist = 1
    ismutable = True

    def any2i(self, pkt: Packet | None, x: Any) -> list[opt.Option] | None:
        """Take what a person writes; raises LayerError for what no option holds."""
        try:
            return None if x is None else [(_number(name), _octets(value)) for name, value in x]
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, LayerError):
                raise
            raise LayerError(f"options: expected pairs of name and value ({error})") from None

    def i2h(self, pkt: Packet | None, x: Any) -> Any:
        """Return the pairs as they are kept: numbers and octets."""
        return x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """Return one line for each option."""
        lines = [opt.describe(option) for option in x or ()]
        return "\n".join("".join(c if c.isprintable() else repr(c)[1:-1] for c in s) for s in lines)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        """Add nothing: a message is encoded as a whole."""
        return s

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        """Take nothing: a message is decoded as a whole."""
        return s, None


def _number(name: Any) -> int:
    if isinstance(name, int):
        return name
    number = _NUMBERS.get(str(name).lower())
    if number is None:
        raise LayerError(f"options: no option {name!r}; give its number")
    return number


def _octets(value: Any) -> bytes:
    if isinstance(value, int):
        return opt.uint_bytes(value)
    return value.encode() if isinstance(value, str) else bytes(value or b"")
