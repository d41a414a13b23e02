#!/bin/sh
# The triggers of own-ipa.yaml: poll, or download with an activation code. What a trigger prints on
# stdout has to be a JSON object or nothing; exit code 1 of `sgprobe ipa` says that a package was
# refused, or no profile was had, which is the case's to judge.
sgprobe ipa "$@" --eim https://127.0.0.1:18470 --at testsmdpplus1.example.com=127.0.0.1:18471 \
    --card tcp:127.0.0.1:18472 --tape none >&2 || [ $? = 1 ]
