"""The tags of TCA profile elements, once: element names, the files of a template, FCP members.

TCA eUICC Profile Package Interoperable Format, PEDefinitions: automatic tags, so an element's tag
is its place in the CHOICE and a file's tag its place in the SEQUENCE.
"""

from __future__ import annotations

TEMPLATE_ARC = "2.23.143.1.2"
TEMPLATE_MF = f"{TEMPLATE_ARC}.1"
TEMPLATE_USIM = f"{TEMPLATE_ARC}.4"
# of no template that was ever given out
TEMPLATE_NONE = f"{TEMPLATE_ARC}.99"


def _words(text: str) -> list[str]:
    return text.split()


# PEDefinitions, ProfileElement; a dot is a place kept free
ELEMENTS = _words(
    "header genericFileManagement pinCodes pukCodes akaParameter cdmaParameter securityDomain rfm"
    " application nonStandard end . . . . . mf cd telecom usim opt-usim isim opt-isim phonebook"
    " gsm-access csim opt-csim eap df-5gs df-saip df-snpn df-5gprose iot opt-iot"
)

# PEDefinitions, ServicesList
SERVICES = _words(
    "contactless usim isim csim milenage tuak128 cave gba-usim gba-isim mbms eap javacard multos"
    " multiple-usim multiple-isim multiple-csim tuak256 usim-test-algorithm ber-tlv dfLink cat-tp"
    " get-identity profile-a-x25519 profile-b-p256 suciCalculatorApi dns-resolution scp11ac"
    " scp11c-authorization-mechanism s16mode eaka"
)

# the members after header [0] and templateID [1]
MF_FILES = _words("mf ef-pl ef-iccid ef-dir ef-arr ef-umpc")
USIM_FILES = _words(
    "adf-usim ef-imsi ef-arr ef-keys ef-keysPS ef-hpplmn ef-ust ef-fdn ef-sms ef-smsp ef-smss"
    " ef-spn ef-est ef-start-hfn ef-threshold ef-psloci ef-acc ef-fplmn ef-loci ef-ad ef-ecc"
    " ef-netpar ef-epsloci ef-epsnsc"
)

# PEDefinitions, Fcp: in the order of the SEQUENCE
FCP = {
    "fileDescriptor": "82",
    "fileID": "83",
    "dfName": "84",
    "lcsi": "8A",
    "securityAttributesReferenced": "8B",
    "efFileSize": "80",
    "pinStatusTemplateDO": "C6",
    "shortEFID": "88",
    "proprietaryEFInfo": "A5",
    "linkPath": "C7",
}


def context(number: int, constructed: bool = True) -> bytes:
    """Return the identifier octets of context tag `number`. X.690 §8.1.2."""
    first = 0xA0 if constructed else 0x80
    return bytes([first | number]) if number < 31 else bytes([first | 31, number])


ELEMENT_TAGS = {name: context(place) for place, name in enumerate(ELEMENTS) if name != "."}
ELEMENT_NAMES = {tag: name for name, tag in ELEMENT_TAGS.items()}
