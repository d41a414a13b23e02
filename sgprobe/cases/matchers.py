"""The closed list of matchers: their grammar, where they may stand, and which can produce."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from dissectors.asn1 import model as asn1
from sgprobe.cases.errors import did_you_mean, shown
from sgprobe.durations import parse_duration

_REF = r"\$[A-Za-z][A-Za-z0-9.-]*"
_TIME = r"[0-9.]+ ?(?:ms|s|min|h|d)"
_MAX_REGEX = 200
_MAX_NUMBER = 10**9
_DEEPEST = 8

BYTES = (asn1.Octets, asn1.Leaf, asn1.Open)
SIMPLE = (
    asn1.Octets,
    asn1.Leaf,
    asn1.Open,
    asn1.Integer,
    asn1.Text,
    asn1.Boolean,
    asn1.Oid,
    asn1.Time,
    asn1.Bits,
)


@dataclass(frozen=True, slots=True)
class Form:
    """One matcher: how it is written, what it says, which types it fits, and if it produces."""

    word: str
    written: str
    help: str
    pattern: str
    shapes: tuple[type, ...] = ()
    produces: bool = False
    references: str = ""


FORMS = (
    Form("any", "<any>", "any value; it has to be there", r"any"),
    Form(
        "present", "<present>", "is there; in a sent NULL, puts it there", r"present", produces=True
    ),
    Form("absent", "<absent>", "is not there", r"absent", produces=True),
    Form(
        "empty",
        "<empty>",
        "no octet, no character, no element",
        r"empty",
        (*BYTES, asn1.Text, asn1.ListOf, asn1.Sequence),
        produces=True,
    ),
    Form("absent-or", "<absent or …>", "is not there, or matches", r"absent or (?P<inner>.+)"),
    Form(
        "bytes",
        "<16 bytes>",
        "so many octets; sent: drawn from the seed of the case",
        r"(?P<low>[0-9]{1,9}) bytes?",
        BYTES,
        produces=True,
    ),
    Form(
        "bytes",
        "<1..16 bytes>",
        "a number of octets within bounds; sent: drawn",
        r"(?P<low>[0-9]{1,9})\.\.(?P<high>[0-9]{1,9}) bytes?",
        BYTES,
        produces=True,
    ),
    Form(
        "greater",
        "<integer greater than $x>",
        "a greater number",
        rf"integer greater than (?P<value>-?[0-9]{{1,18}}|{_REF})",
        (asn1.Integer,),
        references="number",
    ),
    Form(
        "time",
        "<2 s..3 s>",
        "a time within bounds",
        rf"(?P<from>{_TIME})\.\.(?P<to>{_TIME})",
        (asn1.Null,),
    ),
    Form("one-of", "<one of a, b>", "one of these values", r"one of (?P<list>.+)", SIMPLE),
    Form(
        "starts",
        "<starts with 0A>",
        "begins with these octets or characters",
        r"starts with (?P<value>.+)",
        (*BYTES, asn1.Text),
    ),
    Form(
        "matches",
        "<matches [a-z]+>",
        "a regular expression holds for the whole of it",
        r"matches (?P<regex>.+)",
        (asn1.Text, asn1.Octets),
    ),
    Form(
        "contains",
        "<contains …>",
        "a list with such an element, or text with such a part",
        r"contains (?P<item>.+)",
        (asn1.ListOf, asn1.Text, asn1.Octets),
    ),
    Form(
        "list",
        "<list of 3>",
        "so many elements",
        rf"list of (?P<value>[0-9]{{1,9}}|{_REF})",
        (asn1.ListOf,),
        references="number",
    ),
    Form(
        "equals",
        "<equals $x>",
        "the same value; sent: that value",
        rf"equals (?P<value>{_REF})",
        produces=True,
        references="value",
    ),
    Form(
        "each",
        "<each …>",
        "a list, every element of which matches, or has this value in that member: "
        "<each state enabled>",
        r"each (?P<inner>.+)",
        (asn1.ListOf,),
    ),
    Form("not", "<not …>", "is there, and does not match", r"not (?P<inner>.+)"),
    Form(
        "seen",
        "<seen before>",
        "the same value stood in an earlier message",
        r"seen before",
        SIMPLE,
    ),
    Form(
        "signature",
        "<signature by $keys.eim>",
        "a signature that verifies; sent: signs. `over a, b` names other members than those of "
        "the specification",
        rf"signature by (?P<value>{_REF})(?: over (?P<over>.+))?",
        (asn1.Octets,),
        produces=True,
        references="key",
    ),
    Form(
        "certificate",
        "<certificate under $certs.ci>",
        "a certificate with a chain to this one",
        rf"certificate under (?P<value>{_REF})",
        (asn1.Leaf, asn1.Octets),
        references="certificate",
    ),
    Form(
        "built",
        "<built by $euicc>",
        "what a simulated role makes of what went before",
        rf"built by (?P<value>{_REF})",
        produces=True,
        references="actor",
    ),
    Form(
        "declared",
        "<as declared>",
        "what a product announces of itself agrees with its ICS: IpaCapabilities, EUICCInfo2 or "
        "EimConfigurationData",
        r"as declared",
        (asn1.Sequence,),
    ),
    Form(
        "lower",
        "<lower than 1.2>",
        "a lower number or version",
        r"lower than (?P<version>[0-9]+(?:\.[0-9]+){0,5})",
        (asn1.Integer, asn1.Text),
    ),
)
_COMPILED = tuple((form, re.compile(form.pattern)) for form in FORMS)
WRITTEN = tuple(form.written for form in FORMS)


class MatcherError(ValueError):
    """A text in angle brackets that is no matcher."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Parsed:
    """A matcher as it is written: its form and its arguments, not yet bound to a type."""

    form: Form
    low: float | None = None
    high: float | None = None
    value: str = ""
    texts: tuple[str, ...] = ()
    inner: Parsed | None = None

    @property
    def may_produce(self) -> bool:
        """Say whether a role can make a value of it."""
        if self.form.word == "absent-or":
            return self.inner is not None and self.inner.may_produce
        return self.form.produces


def is_matcher(text: str) -> bool:
    """Say whether a text is written as a matcher."""
    return text.startswith("<") and text.endswith(">") and len(text) > 2


# a path, and a value
_OF_MEMBER = re.compile(r"[A-Za-z][A-Za-z0-9.\[\]]* \S+")


@lru_cache(maxsize=4096)
def parse(text: str) -> Parsed:
    """Return the matcher that a text in angle brackets is; raises MatcherError."""
    return _parse(" ".join(text[1:-1].split()), 0)


def _parse(text: str, depth: int) -> Parsed:
    if depth > _DEEPEST:
        raise MatcherError("matchers nested too deep")
    if len(text) > 1000:
        raise MatcherError("a matcher of more than 1000 characters")
    for form, pattern in _COMPILED:
        found = pattern.fullmatch(text)
        if found is not None:
            return _arguments(form, found.groupdict(), depth)
    first = text.split(" ")[0]
    words = [form.written[1:-1].split(" ")[0] for form in FORMS if form.written[1].isalpha()]
    near = did_you_mean(first, words)
    if near:
        word = near.split("'")[1]
        forms = [form.written for form in FORMS if form.written[1:-1].split(" ")[0] == word]
        near = f"did you mean '{forms[0]}'?"
    raise MatcherError(f"unknown matcher <{text[:60]}>", near)


def _arguments(form: Form, given: dict[str, str | None], depth: int) -> Parsed:
    inner = given.get("inner")
    if inner is not None:
        try:
            return Parsed(form, inner=_parse(inner, depth + 1))
        except MatcherError:
            # a member of each element and its value, as in <each state enabled>
            if form.word != "each" or not _OF_MEMBER.fullmatch(inner):
                raise
            return Parsed(form, texts=tuple(inner.split(" ", 1)))
    if given.get("from") is not None:
        low, high = (parse_duration(given[name] or "") for name in ("from", "to"))
        if low is None or high is None or low > high:
            raise MatcherError(
                f"{shown(str(given['from']))} to {shown(str(given['to']))} is no span of time",
                "such as <2 s..3 s>",
            )
        return Parsed(form, low, high)
    if form.word == "bytes":
        low = float(given["low"] or 0)
        high = float(given.get("high") or low)
        if low > high:
            raise MatcherError(f"{low:g} is more than {high:g}", "write the lower bound first")
        if high > 1 << 20:
            raise MatcherError(f"{high:g} bytes are more than a message holds")
        return Parsed(form, low, high)
    if given.get("list") is not None:
        texts = tuple(piece.strip() for piece in (given["list"] or "").split(","))
        if not all(texts):
            raise MatcherError("an empty value in the list", "such as <one of a, b>")
        return Parsed(form, texts=texts)
    if given.get("regex") is not None:
        return Parsed(form, value=_regex(given["regex"] or ""))
    if given.get("item") is not None:
        return Parsed(form, texts=tuple((given["item"] or "").split(" ", 1)))
    over = tuple(piece.strip() for piece in (given.get("over") or "").split(",") if piece.strip())
    return Parsed(form, value=given.get("value") or given.get("version") or "", texts=over)


def _regex(text: str) -> str:
    """Refuse expressions that may take for ever on a hostile value."""
    if len(text) > _MAX_REGEX:
        raise MatcherError(f"a regular expression of more than {_MAX_REGEX} characters")
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", text)
    if re.search(r"\)\s*[*+{?]", bare) or "(?" in bare or re.search(r"\\[0-9]", text):
        raise MatcherError(
            f"{shown(text)} repeats a group or looks around",
            "repeat single characters and classes only",
        )
    if len(re.findall(r"[*+]|\{", bare)) > 3:
        raise MatcherError(f"{shown(text)} has more than three repeats")
    try:
        re.compile(text)
    except (re.error, OverflowError) as error:
        raise MatcherError(f"{shown(text)} is no regular expression: {error}") from None
    return text


def fits(parsed: Parsed, shape: asn1.Shape) -> bool:
    """Say whether a matcher may stand at a field of this shape."""
    if parsed.inner is not None and parsed.form.word != "each":
        return fits(parsed.inner, shape)
    return not parsed.form.shapes or isinstance(shape, parsed.form.shapes)
