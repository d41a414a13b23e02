"""APDUs as messages of a case, for what ES10 alone cannot say: `ipa -> euicc: apdu`."""

from __future__ import annotations

from dissectors.asn1 import model as asn1
from dissectors.spec.functions import Function

APDU = Function("APDU", "apdu", None, None, "ipa", "euicc", "ISO 7816-4 §5.1", "apdu")
_OCTETS = asn1.Type((), asn1.Octets(), "octets")
_TEMPLATES = ("ISDRProprietaryApplicationTemplate", "ISDRProprietaryApplicationTemplateIoT")
_MEMBERS = ("isdr", "isdrIot")


def apdu_type(request: bool, schema: asn1.Schema) -> asn1.Type:
    """Return a command, or a response: data, status word, and what SELECT tells of ISD-R."""
    if request:
        return _object(command=_OCTETS)
    templates = {
        member: schema.types[name]
        for member, name in zip(_MEMBERS, _TEMPLATES, strict=True)
        if name in schema.types
    }
    return _object(data=_OCTETS, sw=_OCTETS, **templates)


def template_types() -> dict[str, str]:
    """Return the templates in the answer to SELECT: members of the response and their types."""
    return dict(zip(_MEMBERS, _TEMPLATES, strict=True))


def _object(**members: asn1.Type) -> asn1.Type:
    fields = tuple(asn1.Field(name, type_, optional=True) for name, type_ in members.items())
    return asn1.Type((), asn1.Sequence(fields), "object")
