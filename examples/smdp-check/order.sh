#!/bin/sh
# Order a profile at an SM-DP+ over ES2+ and release it: order.sh URL MATCHING-ID
set -eu
ask() {
  curl -sf "$1" -H 'content-type: application/json' -H 'x-admin-protocol: gsma/rsp/v2.5.0' -d "$2"
}
header='"header": {"functionRequesterIdentifier": "shop", "functionCallIdentifier": "1"}'
iccid=$(ask "$1/gsma/rsp2/es2plus/downloadOrder" "{$header, \"profileType\": \"small\"}" |
  sed 's/.*"iccid": *"\([0-9F]*\)".*/\1/')
ask "$1/gsma/rsp2/es2plus/confirmOrder" \
  "{$header, \"iccid\": \"$iccid\", \"matchingId\": \"$2\", \"releaseFlag\": true}"
