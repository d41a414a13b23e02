"""Frames to flows: the bulk path for TCP and UDP over plain IPv4, and the way for all else."""

from __future__ import annotations

import struct
from typing import Final

from dissectors.link.codes import FRAME_MALFORMED, LINK_TYPE, PACKET_CUT
from dissectors.link.container import NO_LINKTYPE, Batch
from dissectors.link.fault import FrameFault
from dissectors.link.flows import Opener, Shard
from dissectors.link.fragments import Fragments
from dissectors.link.held import HALF, MASK
from dissectors.link.ip import TCP, UDP, extensions, ipv4, ipv6
from dissectors.link.limits import Limits
from dissectors.link.linktype import FAST, GSMTAP, IPV4, IPV6, IPV6_TCP, SUPPORTED, network
from dissectors.link.notes import Notes
from dissectors.link.tcp_flows import SKIPPED, TcpFlows
from dissectors.link.tcp_side import RECENT
from dissectors.link.udp import GSMTAP_KEY, UNWANTED, UdpFlows

AFTER: Final = 1 << 60  # the frame number of what is told after the last frame
_IP_AND_TCP: Final = 40
_IPV6_AND_TCP: Final = 60
_tcp: Final = struct.Struct(">IIH").unpack_from


class Frames:
    """Numbers the frames of a capture and hands their payload to the flows."""

    def __init__(self, opener: Opener, notes: Notes, limits: Limits, shard: Shard) -> None:
        self.tcp = TcpFlows(opener, notes, limits, shard)
        self.udp = UdpFlows(opener, notes, limits, shard)
        self.count = 0
        self.bytes = 0
        self.supported = 0
        self.first: float | None = None
        self.last: float | None = None
        self._notes = notes
        self._fragments = Fragments(notes, limits)
        self._link_types: set[int] = set()
        self._over = False

    @property
    def frame(self) -> int:
        """Return the number of the frame that is being read, or `AFTER` at the end of all."""
        return AFTER if self._over else max(self.count, self.tcp.frame)

    def take(self, batch: Batch) -> None:
        """Take a batch of frames."""
        buffer, linktype, records = batch
        if not records:
            return
        if self.first is None:
            self.first = records[0][0]
        self.last = records[-1][0]
        self.bytes += sum([record[2] for record in records])
        if linktype in FAST:
            self.supported += len(records)
            self._take_ip(batch)
        elif linktype in GSMTAP:
            self.supported += len(records)
            for time, start, captured, original in records:
                self.count += 1
                data = buffer[start : start + captured]
                missing = max(original - captured, 0)
                self.udp.datagram(GSMTAP_KEY, data, missing, (self.count,), time)
        else:
            self._unsupported(linktype)
            self.count += len(records)
        self.tcp.sweep(self.count, records[-1][0])

    def close(self) -> None:
        """End all flows."""
        self._over = True
        self._fragments.close()
        self.tcp.close(self.last or 0.0)
        self.udp.close()

    def _unsupported(self, linktype: int) -> None:
        if linktype not in self._link_types and linktype != NO_LINKTYPE:
            self._link_types.add(linktype)
            known = ", ".join(map(str, sorted(SUPPORTED)))
            self._notes.add(
                LINK_TYPE,
                f"link type {linktype} is not read; known are {known}",
                (self.count + 1,),
            )

    def _take_ip(self, batch: Batch) -> None:
        # The whole bulk path is one loop without calls but to the sinks: a packet costs about a
        # microsecond. What it does not recognise goes to _slow, which decides everything anew.
        buffer, linktype, records = batch
        unpack, wanted, ip, wanted6, tagged = FAST[linktype]
        unpack6 = IPV6_TCP
        least = ip + _IP_AND_TCP
        side_of, direction_of = self.tcp.sides.get, self.udp.directions.get
        recent = self.tcp.recent
        tcp, segment, slow = self.tcp, self.tcp.segment, self._slow
        mask, half = MASK, HALF
        number = self.count
        for time, place, captured, _ in records:
            number += 1
            if captured >= least:
                header = place + ip
                tag, version, total, fragment, protocol, key, seq, ack, flags = unpack(
                    buffer, place
                )
                if tag == tagged and captured >= least + 4:
                    header += 4
                    tag, version, total, fragment, protocol, key, seq, ack, flags = unpack(
                        buffer, place + 4
                    )
                if tag == wanted and version == 0x45 and not fragment & 0x3FFF:
                    upper, stop = header + 20, header + total
                elif tag == wanted6 and place + captured >= header + _IPV6_AND_TCP:
                    version, total, protocol, key, seq, ack, flags = unpack6(buffer, header)
                    upper = header + 40
                    stop = upper + total if version >> 28 == 6 else 0
                else:
                    upper, stop = 0, 0
                if upper < stop <= place + captured:
                    if protocol == TCP:
                        start = upper + (flags >> 10 & 0x3C)
                        if start <= stop and flags >= 0x5000:
                            side = side_of(key)
                            if side is None:
                                if start == stop and not flags & 0x07:
                                    continue
                            elif side is SKIPPED:
                                continue
                            elif seq == side.next and side.calm and flags & 0x37 == 0x10:
                                next_ack = side.peer.next
                                if ack == next_ack or (next_ack - ack) & mask < half:
                                    if start < stop:
                                        data = buffer[start:stop]
                                        recent[number % RECENT] = (side, seq, data, side.last)
                                        side.last = tcp.frame = number
                                        side.next = (seq + stop - start) & mask
                                        side.data(side.index, data, (number,), time)
                                    continue
                            payload = (buffer, start, stop, 0)
                            segment(key, seq, ack, flags & 0x3F, payload, (number,), time)
                            continue
                    elif protocol == UDP:
                        direction = direction_of(key)
                        if direction is not None:
                            if direction is UNWANTED:
                                continue
                            length = seq >> 16
                            if 8 <= length <= stop - upper:
                                direction.last = tcp.frame = number
                                data = buffer[upper + 8 : upper + length]
                                direction.datagram(direction.index, data, (number,), time)
                                continue
            self.count = number
            slow(buffer, linktype, place, place + captured, time)
        self.count = number

    def _slow(self, buffer: bytes, linktype: int, start: int, end: int, time: float) -> None:
        number = self.count
        try:
            kind, place = network(linktype, buffer, start, end)
            if kind == IPV4:
                packet = ipv4(buffer, place, end)
            elif kind == IPV6:
                packet = ipv6(buffer, place, end)
            else:
                return
            protocol, addresses, place, stop, missing, fragment = packet
            frames: tuple[int, ...] = (number,)
            if fragment:
                whole = self._fragments.add(packet, buffer, number, time)
                if whole is None:
                    return
                protocol, buffer, frames = whole
                place, stop, missing = 0, len(buffer), 0
                if kind == IPV6:
                    protocol, place, _ = extensions(buffer, protocol, 0, stop)
            if protocol == TCP:
                self._tcp(buffer, addresses, place, stop, missing, frames, time)
            elif protocol == UDP:
                self._udp(buffer, addresses, place, stop, missing, frames, time)
        except FrameFault as fault:
            self._notes.add(fault.code, str(fault), (number,), fault.offset)

    def _tcp(
        self,
        buffer: bytes,
        addresses: bytes,
        start: int,
        end: int,
        missing: int,
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        if start + 20 > end:
            raise _short("TCP", missing)
        seq, ack, flags = _tcp(buffer, start + 4)
        data = start + (flags >> 10 & 0x3C)
        if flags < 0x5000 or data > end:
            if missing:
                raise _short("TCP", missing)
            raise FrameFault(FRAME_MALFORMED, f"the TCP header has {data - start} bytes", 12)
        key = addresses + buffer[start : start + 4]
        self.tcp.segment(key, seq, ack, flags & 0x3F, (buffer, data, end, missing), frames, time)

    def _udp(
        self,
        buffer: bytes,
        addresses: bytes,
        start: int,
        end: int,
        missing: int,
        frames: tuple[int, ...],
        time: float,
    ) -> None:
        if start + 8 > end:
            raise _short("UDP", missing)
        length = buffer[start + 4] << 8 | buffer[start + 5]
        # RFC 2675 §4: 0 is a jumbogram, which fills the packet.
        stop = start + length if length else end + missing
        if stop < start + 8 or stop > end + missing:
            raise FrameFault(FRAME_MALFORMED, f"the UDP length is {length}", 4)
        key = addresses + buffer[start : start + 4]
        data = buffer[start + 8 : min(stop, end)]
        self.udp.datagram(key, data, max(stop - end, 0), frames, time)


def _short(name: str, missing: int) -> FrameFault:
    if missing:
        return FrameFault(PACKET_CUT, f"the capture cut the packet inside its {name} header")
    return FrameFault(FRAME_MALFORMED, f"the packet ends inside its {name} header")
