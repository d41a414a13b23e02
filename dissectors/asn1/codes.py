"""Every finding that the ASN.1 reader can make, with the rule behind it."""

from __future__ import annotations

from dissectors.finding import Code, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

LENGTH_NOT_MINIMAL = Code("der.length-not-minimal", _E, "X.690 §10.1: DER uses the fewest octets")
LENGTH_INDEFINITE = Code("der.length-indefinite", _E, "X.690 §10.1: DER uses the definite form")
LENGTH_TOO_LONG = Code("der.length-too-long", _E, "a length of more than 4 octets is not read")
TAG_NOT_MINIMAL = Code("der.tag-not-minimal", _E, "X.690 §8.1.2.4: the fewest octets, from 31 on")
WRONG_FORM = Code("der.wrong-form", _E, "X.690 §8: primitive or constructed is fixed by the type")
INTEGER_NOT_MINIMAL = Code("der.integer-not-minimal", _E, "X.690 §8.3.2: the fewest octets")
BOOLEAN_NOT_FF = Code("der.boolean-not-ff", _E, "X.690 §11.1: TRUE is FF")
BITS_UNUSED = Code("der.bits-unused", _E, "X.690 §8.6.2, §11.2.1: 0 to 7 unused bits, all zero")
BITS_TRAILING_ZERO = Code("der.bits-trailing-zero", _E, "X.690 §11.2.2: named bits end with a 1")
DEFAULT_ENCODED = Code("der.default-encoded", _E, "X.690 §11.5: a default value is left out")
SET_ORDER = Code("der.set-order", _E, "X.690 §11.6: SET OF elements are sorted")
TRAILING = Code("der.trailing-bytes", _E, "a message is one TLV and nothing after it")
TRUNCATED = Code("der.truncated", _E, "the length says more octets than there are")
OUT_OF_ORDER = Code("asn1.out-of-order", _E, "X.680 §25.1: components stand in the order written")
REPEATED = Code("asn1.repeated", _E, "X.680 §25: a component stands once")
MISSING = Code("asn1.missing", _E, "a mandatory component or alternative is not there")
UNKNOWN_CHOICE = Code("asn1.unknown-choice", _E, "the tag is no alternative of this CHOICE")
WRONG_TAG = Code("asn1.wrong-tag", _E, "the tag is not the one of the type")
TAG_DOUBLED = Code("asn1.tag-doubled", _E, "X.680 §31.2.7: an IMPLICIT tag replaces the type's own")
CERTIFICATE_NESTED = Code(
    "asn1.certificate-nested", _W, "the tag replaces the outer 30; some products keep both"
)
SIZE = Code("asn1.size", _E, "SIZE constraint")
VALUE = Code("asn1.value", _E, "value constraint or form of the type")
UNKNOWN_EXTENSION = Code(
    "asn1.unknown-extension", _I, "EXTENSIBILITY IMPLIED: kept, and skipped by a decoder"
)
TOO_DEEP = Code("asn1.too-deep", _E, "nesting beyond what the reader follows")
TOO_LONG = Code("asn1.too-long", _E, "a number beyond what the reader follows")
TOO_MANY = Code("asn1.too-many", _E, "elements or findings beyond what the reader follows")

CODES = {code.name: code for code in list(globals().values()) if isinstance(code, Code)}
