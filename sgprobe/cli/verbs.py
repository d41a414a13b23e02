"""The verbs: where each lives, and the line that the help prints for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: its module has `add_arguments(parser)` and `run(arguments) -> int`."""

    module: str
    line: str


VERBS = {
    "decode": Verb(
        "sgprobe.cli.decode", "show a message or a capture: hex, base64, DER, pcap, log"
    ),
    "encode": Verb("sgprobe.cli.encode", "turn a JSON value (JER) into DER"),
    "shell": Verb("sgprobe.cli.shell", "a Python console with the messages of a capture"),
    "asn1": Verb("sgprobe.cli.asn1", "show a type, or the difference of two spec versions"),
    "world": Verb("sgprobe.cli.world", "play a scenario with every role on loopback"),
    "ipa": Verb("sgprobe.cli.ipa", "act as an IPA with a simulated eUICC: poll, download"),
    "serve": Verb("sgprobe.cli.serve", "simulate an eIM, an SM-DP+, an SM-DS or an SM-DPf"),
    "factory": Verb("sgprobe.cli.factory", "provision devices in the factory: order to report"),
    "ifpp": Verb("sgprobe.cli.ifpp", "judge from evidence whether provisioning was genuine IFPP"),
    "card": Verb("sgprobe.cli.card", "offer a simulated eUICC to a reader, or read any eUICC"),
    "pki": Verb("sgprobe.cli.pki", "make the test PKI: certificates, keys, CRLs, faulty variants"),
    "run": Verb("sgprobe.cli.run", "run cases against a product, or against the references"),
    "list": Verb("sgprobe.cli.list", "list the cases: what would run, and why the rest would not"),
    "mutants": Verb("sgprobe.cli.mutants", "plant faults, and see whether the cases catch them"),
    "check": Verb("sgprobe.cli.check", "find what is wrong with cases, without a network"),
    "fmt": Verb("sgprobe.cli.fmt", "write cases in their one form"),
    "explain": Verb("sgprobe.cli.explain", "tell a case as prose, with a diagram"),
    "ics": Verb("sgprobe.cli.ics", "make, verify or print the answers of a product file"),
    "report": Verb("sgprobe.cli.report", "write the reports of a run again, or compare two runs"),
    "matrix": Verb("sgprobe.cli.matrix", "which requirement is covered by which case, and how"),
    "bundle": Verb("sgprobe.cli.bundle", "pack the evidence of a run, or verify such a pack"),
    "schema": Verb("sgprobe.cli.schema", "print the JSON Schema of cases, for editors"),
    "doctor": Verb("sgprobe.cli.doctor", "look whether this machine has what is needed"),
    "completion": Verb("sgprobe.cli.completion", "print completion for bash, zsh or fish"),
    "man": Verb("sgprobe.cli.man", "print the manual page"),
}


def help_text() -> str:
    """Return the short help: verbs, then examples."""
    lines = ["usage: sgprobe VERB [options]      (sgprobe VERB --help says more)", ""]
    lines += [f"  {name:<12}{verb.line}" for name, verb in VERBS.items()]
    lines += [
        "",
        "examples:",
        "  sgprobe run                              every case against the references",
        "  sgprobe run --iut my-eim.yaml --report html",
        "  sgprobe decode capture.pcapng --keylog keys.log",
        "  sgprobe decode BF4F03020101",
        "  sgprobe asn1 show EuiccPackageRequest",
    ]
    return "\n".join(lines)
