#!/bin/sh
# The gate: three cases against the eIM of a product file; the exit code says whether it holds.
exec sgprobe run --iut "$1" --out sgprobe-results --report html,junit \
  'ESIPA-EIM-EPK-003[https-nist-p256]' 'ESIPA-EIM-GEP-006[https-nist-p256]' 'ESIPA-EIM-PER-001[https-nist-p256]'
