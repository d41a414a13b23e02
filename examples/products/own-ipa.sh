#!/bin/sh
# The triggers of own-ipa.yaml: `poll`, and `download CODE [CONFIRMATION-CODE]`. What a trigger prints
# on stdout has to be a JSON object or nothing; exit code 1 of `sgprobe ipa` says that a package was
# refused, or no profile was had, which is the case's to judge.
[ $# -lt 3 ] || set -- "$1" "$2" --confirmation-code "$3"
sgprobe ipa "$@" --eim https://127.0.0.1:18470 --at testsmdpplus1.example.com=127.0.0.1:18471 \
    --at testsmdpplus2.example.com=127.0.0.1:18475 --at testrootsmds.example.com=127.0.0.1:18474 \
    --card tcp:127.0.0.1:18472 --as-it-is --tape none >&2 || [ $? = 1 ]
