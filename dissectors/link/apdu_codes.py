"""The findings of the APDU readers: one row for each code, with its clause or reason."""

from __future__ import annotations

from dissectors.finding import Code, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

# one exchange
MALFORMED = Code("apdu-malformed", _E, "ISO 7816-3 §12.1, 7816-4 §5.6: not an APDU")
STATUS = Code("apdu-status", _W, "ISO 7816-4 §5.6: the card refused the command")
GUESSED = Code("apdu-split-guessed", _I, "one capture record holds command and response unmarked")

# STORE DATA and GET RESPONSE
BLOCK_ORDER = Code("es10-block-order", _E, "GlobalPlatform §11.11: blocks are numbered from 00 on")
BLOCK_REPEATED = Code("es10-block-repeated", _W, "the same block was sent twice")
CHAIN_BROKEN = Code("es10-chain-broken", _E, "SGP.22 §5.7.2: the chain ends without a last block")
CHAIN_STATUS = Code("es10-chain-status", _E, "SGP.22 §5.7.2: a block but the last answers 9000")
CHAIN_START = Code("es10-chain-start", _W, "the first blocks of the chain are not in the capture")
P1 = Code("es10-p1", _W, "SGP.22 §5.7.2: P1 of STORE DATA is 11, or 91 in the last block")
COMMAND_TLV = Code("es10-command-tlv", _E, "SGP.22 §5.7.2: a command is one whole TLV")
RESPONSE_TLV = Code("es10-response-tlv", _E, "SGP.22 §5.7.2: a response is one whole TLV")
RESPONSE_CUT = Code("es10-response-cut", _W, "ISO 7816-4 §7.6.1: announced data was not fetched")
RESPONSE_STRAY = Code("es10-response-stray", _W, "GET RESPONSE where nothing was announced")
OTHER_CHANNEL = Code(
    "es10-response-channel", _W, "ISO 7816-4 §5.4.1: GET RESPONSE names the command's channel"
)
LIMIT = Code("es10-limit", _W, "a chain is larger than the reader keeps")

# channels and applications
NOT_SELECTED = Code("es10-not-selected", _E, "SGP.22 §5.7.1: ES10 is spoken to the selected ISD-R")
NOT_OPEN = Code("es10-channel-closed", _E, "ETSI TS 102 221 §8.7: the logical channel is not open")
RESET = Code("es10-card-reset", _I, "ETSI TS 102 221 §6: a reset closes channels and chains")

# Bound Profile Package
BPP_START = Code("es10-bpp-start", _W, "the first segments of the package are not in the capture")
BPP_CUT = Code("es10-bpp-cut", _W, "SGP.22 §2.5.5: segments of the package are missing at its end")
BPP_ORDER = Code("es10-bpp-order", _E, "SGP.22 §2.5.5: the segment does not follow the one before")

# GSMTAP and text logs
GSMTAP = Code("gsmtap-header", _E, "GSMTAP version 2, type SIM: the header is not as it should be")
GSMTAP_SKIPPED = Code("gsmtap-skipped", _I, "GSMTAP of another type or subtype")
LOG_LINE = Code("apdu-log-line", _W, "the line is in none of the formats that are read")
LOG_ORDER = Code("apdu-log-order", _W, "command and response lines do not alternate")
