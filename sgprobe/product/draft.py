"""A new product file: every question of a role with its comment, answered or to be answered."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from sgprobe.product import keys as k
from sgprobe.questions import Catalogue, Question, Setting

_SCHEMA = "# yaml-language-server: $schema=product.schema.json"
_WIDTH = 100


def draft(
    role: str,
    catalogue: Catalogue,
    answers: Mapping[str, str] | None = None,
    *,
    product: str = "my-product",
    version: str = "1.0",
    spec: str = "SGP.32@1.2",
    schema: str = "",
) -> str:
    """Return the text of a product file; questions without an answer are commented out."""
    title, interfaces = k.ROLES[role]
    known = answers or {}
    first = _SCHEMA.replace("product.schema.json", schema or "product.schema.json")
    out = [first, f"# The {title} under test. `sgprobe ics check` says what is missing."]
    out += [f"product: {_text(product)}", f"version: {_text(version)}", f"role: {role}",
            f"spec: {spec}", ""]  # fmt: skip
    examples = {key.name: key for key in k.ENDPOINTS}
    out.append("# endpoints:")
    out += [f"#   {name}: {examples[name].example}" for name in interfaces]
    if role == "ipa":
        out += ["# listen:", *(f"#   {key.name}: {key.example}" for key in k.LISTEN)]
    out.append("# keys:")
    out += [f"#   {key.name}: {key.example}   # {key.help}" for key in k.KEYS if _of(key, role)]
    out += ["", "# yes, no, both, or {answer: no, reason: why}", "answers:"]
    for question in catalogue.of(role):
        out += _question(question, known.get(question.name))
    settings = catalogue.settings_of(role)
    if settings:
        out += ["", "# what cases need; a line that stays a comment has its default", "# ixit:"]
        out += [line for one in settings for line in _setting(one)]
    out += ["", "# operator:", "#   url: http://127.0.0.1:8080"]
    out += [f"#   {key.name}: {key.example}" for key in k.OPERATOR if key.kind is k.Kind.VERB]
    return "\n".join(out) + "\n"


def _of(key: k.Key, role: str) -> bool:
    wanted = {"eim": ("tls-ca", "eim"), "smdp": ("tls-ca", "ci", "smdp-auth", "smdp-pb"),
              "smds": ("tls-ca", "ci", "smds-auth"), "euicc": ("ci", "eum", "euicc"),
              "ipa": ("ci", "eum", "euicc")}  # fmt: skip
    return key.name in wanted.get(role, ("tls-ca", "ci"))


def _question(question: Question, answer: str | None) -> list[str]:
    status = question.status + (f": a must where {question.when}" if question.when else "")
    place = f", {question.clause}" if question.clause else ""
    official = f", {question.official}" if question.official else ""
    told = f"{question.text} [{status}{place}{official}]"
    lines = textwrap.wrap(told, _WIDTH, initial_indent="  # ", subsequent_indent="  #   ")
    words = " | ".join(question.answers)
    if answer is None:
        return [*lines, f"  # {question.name}: {words}"]
    return [*lines, f"  {question.name}: {answer}"]


def _setting(setting: Setting) -> list[str]:
    value = setting.default or "…"
    return [f"#   {setting.name}: {value}   # {setting.text}"]


def _text(text: str) -> str:
    """Return a text as a YAML scalar that is read as it is."""
    if text and all(c.isalnum() or c in "._+ -" for c in text) and text[0].isalnum():
        return text.strip()
    return "'" + "".join(c for c in text if c.isprintable()).replace("'", "''") + "'"
