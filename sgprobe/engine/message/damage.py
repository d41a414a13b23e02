"""Damage of a finished message: one element changed, the lengths around it put right."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.tlv import length_octets, read_tlv, split, tlv
from dissectors.asn1.versions import Spec
from dissectors.spec.ifpp_paths import DER_MEMBERS
from dissectors.spec.json_members import MEMBERS
from sgprobe.cases.planned import Damage, Path
from sgprobe.engine.message.scramble import scrambled

Change = Callable[[bytes], bytes]
# stands for a member while its body is written
_MARK = "\0mark\0"


class DamageError(ValueError):
    """The element that a case wants to damage is not there."""


def change_of(damage: Damage) -> Change:
    """Return what a damage does to one TLV."""
    argument = damage.argument

    def with_content(new: Change) -> Change:
        def changed(element: bytes) -> bytes:
            one = read_tlv(element)
            return tlv(one.tag, new(element[one.body : one.end]))

        return changed

    match damage.word:
        case "flip-bit":
            return with_content(lambda content: _flipped(content, int(argument)))
        case "replace":
            return with_content(lambda content: bytes.fromhex(argument))
        case "remove":
            return lambda element: b""
        case "truncate":
            return with_content(lambda content: content[: -int(argument) or None])
        case "append":
            return with_content(lambda content: content + bytes.fromhex(argument))
        case "indefinite-length":
            return _indefinite
        case "followed-by":
            return lambda element: element + bytes.fromhex(argument)
        case "twice":
            return lambda element: element + element
        case "repeated":
            return lambda element: element * int(argument)
        case "long-length":
            return _long
        case "wrapped-in":
            return lambda element: tlv(argument, element)
        case "grown-to":
            return with_content(lambda content: content.ljust(int(argument), b"\x7f"))
        case "nested":
            return with_content(lambda content: _nested(content, int(argument)))
        case "swap-order":
            return with_content(_swapped)
        case "scramble":
            return with_content(lambda content: _scrambled(content, argument))
    raise DamageError(f"{damage.word} is no damage of octets")


def _flipped(content: bytes, bit: int) -> bytes:
    if not content:
        raise DamageError("there is no bit to flip in an empty element")
    number = bit % (8 * len(content))
    changed = bytearray(content)
    changed[number // 8] ^= 0x80 >> number % 8
    return bytes(changed)


def _scrambled(content: bytes, argument: str) -> bytes:
    count, _, seed = argument.partition(" ")
    return scrambled(content, int(count), seed)


def _indefinite(element: bytes) -> bytes:
    one = read_tlv(element)
    return one.tag + b"\x80" + element[one.body : one.end] + b"\0\0"


def _nested(content: bytes, levels: int) -> bytes:
    """Return content inside so many constructed elements; lengths are made from inside out."""
    heads: list[bytes] = []
    size = len(content)
    for _ in range(levels):
        head = b"\xa0" + length_octets(size)
        heads.append(head)
        size += len(head)
    return b"".join(reversed(heads)) + content


def _long(element: bytes) -> bytes:
    """Return an element whose length has one octet more than it needs. X.690 §10.1."""
    one = read_tlv(element)
    content = element[one.body : one.end]
    short = length_octets(len(content))
    count = 1 if len(short) == 1 else len(short)
    return one.tag + bytes([0x80 | count]) + len(content).to_bytes(count, "big") + content


def _swapped(content: bytes) -> bytes:
    """Return the first two elements in the other order."""
    inside = list(split(content))
    if len(inside) < 2:
        raise DamageError("there are no two elements to swap")
    first, second = inside[0], inside[1]
    return content[first.end : second.end] + content[: first.end] + content[second.end :]


def splice(data: bytes, start: int, end: int, change: Change) -> bytes:
    """Change the element at a place; the lengths of all around it follow."""
    at = 0
    while at < len(data):
        one = read_tlv(data, at)
        if at == start and one.end == end:
            return data[:at] + change(data[at : one.end]) + data[one.end :]
        if one.body <= start and end <= one.end:
            body = splice(data[one.body : one.end], start - one.body, end - one.body, change)
            return data[:at] + one.tag + length_octets(len(body)) + body + data[one.end :]
        at = one.end
    raise DamageError("no element stands there")


def damage_body(
    body: bytes, type_name: str, spec: Spec, path: Path, damage: Damage, *, is_json: bool
) -> bytes:
    """Return a body with one element damaged; an empty path is the whole message."""
    try:
        if is_json:
            return _damage_json(body, spec, path, damage)
        return _damage_der(body, type_name, spec, path, damage) if path else _whole(body, damage)
    except DamageError:
        raise
    except (ValueError, RecursionError) as error:
        raise DamageError(f"{joined(path) or 'the message'}: {error}") from None


def _damage_der(body: bytes, type_name: str, spec: Spec, path: Path, damage: Damage) -> bytes:
    dotted = joined(path)
    tree = codec.load(spec).tree(type_name, body)
    node = tree.root.find(dotted) if tree.root is not None else None
    if node is None:
        raise DamageError(f"{type_name} has no {dotted} here")
    return splice(body, node.start, node.end, change_of(damage))


def _whole(body: bytes, damage: Damage) -> bytes:
    """Damage a message as a whole: its octets, not its content."""
    match damage.word:
        case "truncate":
            return body[: -int(damage.argument) or None]
        case "append":
            return body + bytes.fromhex(damage.argument)
        case "replace":
            return bytes.fromhex(damage.argument)
        case "flip-bit":
            return _flipped(body, int(damage.argument))
        case "scramble":
            return _scrambled(body, damage.argument)
    return change_of(damage)(body)


def _damage_json(body: bytes, spec: Spec, path: Path, damage: Damage) -> bytes:
    if not path:
        if damage.word == "nested":
            levels = int(damage.argument)
            return b"[" * levels + body + b"]" * levels
        return _whole(body, damage)
    members = json.loads(body)
    if not isinstance(members, dict):
        raise DamageError("the body is no JSON object")
    holder: Any = members
    names = list(path)
    # the member that a list is, for what stands in the list
    member = ""
    while len(names) > 1 and isinstance(_inside(holder, names[0]), dict | list):
        member = names[0] if isinstance(names[0], str) else member
        holder = holder[names.pop(0)]
    name = names.pop(0)
    if _inside(holder, name) is None:
        raise DamageError(f"the body has no {joined(path)} here")
    member = name if isinstance(name, str) else member
    if damage.word == "remove" and not names:
        del holder[name]
    elif damage.word == "text" and not names:
        holder[name] = damage.argument
    elif damage.word == "beside" and not names:
        return _beside(members, holder, name, damage.argument)
    elif damage.word == "twice" and isinstance(holder, list) and not names:
        holder.insert(int(name), holder[int(name)])
    else:
        holder[name] = _damaged_member(member, holder[name], spec, tuple(names), damage)
    return json.dumps(members, separators=(",", ":")).encode()


def _beside(members: dict[str, Any], holder: Any, name: Any, more: str) -> bytes:
    """Return a body with members, as they are written, behind one of its own."""
    value = holder[name]
    holder[name] = _MARK
    written = json.dumps(members, separators=(",", ":"))
    behind = f"{json.dumps(value, separators=(',', ':'))},{more}"
    return written.replace(json.dumps(_MARK), behind, 1).encode()


def _inside(holder: Any, name: Any) -> Any:
    """Return what stands in an object or a list, None where it is not there."""
    try:
        return holder[name]
    except (KeyError, IndexError, TypeError):
        return None


def _damaged_member(name: str, text: object, spec: Spec, path: Path, damage: Damage) -> str:
    if name in DER_MEMBERS:
        der = base64.b64decode(str(text))
        made = damage_body(der, DER_MEMBERS[name], spec, path, damage, is_json=False)
        return base64.b64encode(made).decode()
    member = MEMBERS.get(name)
    if member is None:
        # plain text: hex digits where it is a number of octets, else its characters
        written = str(text)
        if damage.word == "grown-to":
            return written.ljust(int(damage.argument), "7")
        octets = _hex(written)
        if octets is not None:
            return _whole(octets, damage).hex().upper()
        return _whole(written.encode(), damage).decode("utf-8", "replace")
    octets = base64.b64decode(str(text))
    if path and member.type is not None:
        octets = damage_body(octets, member.type, spec, path, damage, is_json=False)
    elif member.tag is not None or member.type is not None:
        octets = change_of(damage)(octets)
    else:
        octets = _whole(octets, damage)
    return base64.b64encode(octets).decode()


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def joined(path: Path) -> str:
    """Return a path as authors write it."""
    text = ""
    for place in path:
        if isinstance(place, int):
            text += f"[{place}]"
        else:
            text += f".{place}" if text else str(place)
    return text
