#!/bin/sh
# The trigger of own-ipa.yaml: one poll. What a trigger prints on stdout has to be a JSON object or
# nothing; exit code 1 of `sgprobe ipa` says that a package was refused, which is the case's to judge.
sgprobe ipa poll --eim https://127.0.0.1:18470 --indirect --tape none \
    --db "${TMPDIR:-/tmp}/sgprobe-own-ipa-$(id -u).sqlite" >&2 || [ $? = 1 ]
