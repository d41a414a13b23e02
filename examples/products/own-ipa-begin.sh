#!/bin/sh
# The first state of own-ipa.yaml: the eUICC is as a factory has made it.
rm -f "${TMPDIR:-/tmp}/sgprobe-own-ipa-$(id -u)".sqlite*
