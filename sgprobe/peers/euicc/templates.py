"""The file templates: what is created when an element says no more. TCA PP annex A."""

from __future__ import annotations

from dataclasses import dataclass

from sgprobe.peers.euicc.elements import Default
from sgprobe.peers.euicc.filesystem import Kind
from sgprobe.peers.profiles.tags import MF_FILES, USIM_FILES

_KINDS = {"T": Kind.TRANSPARENT, "L": Kind.LINEAR}

# name, identifier, kind, records, octets of file or record, EF.ARR record, short identifier,
# initial content; "-" is not given by the template
_MF = """
ef-pl    2f05 T - 2  1  05 FF
ef-iccid 2fe2 T - 10 11 -  -
ef-dir   2f00 L - -  10 1e -
ef-arr   2f06 L - -  10 -  -
ef-umpc  2f08 T - 5  10 08 -
"""
_USIM = """
ef-imsi      6f07 T -  9   2  07 -
ef-arr       6f06 L -  -   10 17 -
ef-keys      6f08 T -  33  5  08 07FF
ef-keysPS    6f09 T -  33  5  09 07FF
ef-hpplmn    6f31 T -  1   2  12 0A
ef-ust       6f38 T -  17  2  04 -
ef-fdn       6f3b L 20 26  8  -  FF
ef-sms       6f3c L 10 176 5  -  00FF
ef-smsp      6f42 L 1  38  5  -  FF
ef-smss      6f43 T -  2   5  -  FF
ef-spn       6f46 T -  17  10 -  -
ef-est       6f56 T -  1   8  05 -
ef-start-hfn 6f5b T -  6   5  0f F00000F00000
ef-threshold 6f5c T -  3   2  10 FF
ef-psloci    6f73 T -  14  5  0c FFFFFFFFFFFFFFFFFFFF0000FF01
ef-acc       6f78 T -  2   2  06 -
ef-fplmn     6f7b T -  12  5  0d FF
ef-loci      6f7e T -  11  5  0b FFFFFFFFFFFFFF0000FF01
ef-ad        6fad T -  4   10 03 00000002
ef-ecc       6fb7 L 1  4   10 01 -
ef-netpar    6fc4 T -  128 5  -  FF
ef-epsloci   6fe3 T -  18  5  1e FFFFFFFFFFFFFFFFFFFFFFFFFFFFFF000001
ef-epsnsc    6fe4 L 1  80  5  18 FF
"""
_ISIM = """
ef-impi   6f02 T - -  2  02 -
ef-impu   6f04 L - -  2  04 -
ef-domain 6f03 T - -  2  05 -
ef-ist    6f07 T - 14 2  07 -
ef-ad     6fad T - 3  10 03 00
ef-arr    6f06 L - -  10 06 -
"""
_ISIM_FILES = ["adf-isim", "ef-impi", "ef-impu", "ef-domain", "ef-ist", "ef-ad", "ef-arr"]
# its files are of no use to a modem of today: the directory alone is made
_CSIM_FILES = ["adf-csim"]


@dataclass(frozen=True, slots=True)
class Template:
    """One template: its directory, and its files by the tag of their member."""

    directory: Default
    # the place of each file in the element, with what it is called
    names: tuple[str, ...]
    files: dict[str, Default]
    contents: dict[str, bytes]


def _template(names: list[str], text: str, directory: Default) -> Template:
    files, contents = {}, {}
    for line in text.strip().splitlines():
        name, fid, kind, count, size, rule, sfi, initial = line.split()
        octets = 0 if size == "-" else int(size)
        record = octets if kind == "L" else 0
        whole = octets * int(count) if count != "-" else 0 if record else octets
        short = None if sfi == "-" else int(sfi, 16)
        files[name] = Default(fid, _KINDS[kind], whole, record, int(rule), short)
        if initial != "-":
            pattern = bytes.fromhex(initial)
            unit = record or octets
            filled = pattern + pattern[-1:] * (unit - len(pattern))
            contents[name] = filled * (whole // unit)
    return Template(directory, tuple(names), files, contents)


MF = _template(MF_FILES, _MF, Default("3f00", Kind.DIRECTORY, rule=14))
USIM = _template(USIM_FILES, _USIM, Default("", Kind.DIRECTORY, rule=14))
ISIM = _template(_ISIM_FILES, _ISIM, Default("", Kind.DIRECTORY, rule=14))
CSIM = _template(_CSIM_FILES, "", Default("", Kind.DIRECTORY, rule=14))
TEMPLATES = {"mf": MF, "usim": USIM, "isim": ISIM, "csim": CSIM}

# directories inside DF.TELECOM, by the place of their member
SUBDIRECTORIES: dict[str, dict[int, str]] = {
    "telecom": {9: "5f50", 15: "5f3a", 33: "5f3b", 36: "5f3c", 40: "5f3d", 43: "5f3e"}
}

# directories that other templates begin with, and where they stand; None is under the ADF
DIRECTORIES: dict[str, tuple[str, bool]] = {
    "cd": ("7f11", False),
    "telecom": ("7f10", False),
    "phonebook": ("5f3a", True),
    "gsm-access": ("5f3b", True),
    "df-5gs": ("5fc0", True),
    "df-saip": ("5fd0", True),
    "df-snpn": ("5fe0", True),
    "df-5gprose": ("5ff0", True),
}
