"""What Allure shows beside the results: environment, categories, executor."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgprobe.report.run import Run
from sgprobe.report.text import plain

CATEGORIES: list[dict[str, Any]] = [
    {
        "name": "Known deviation",
        "matchedStatuses": ["passed"],
        "messageRegex": "(?s)Known deviation: .*",
    },
    {
        "name": "Passed with a warning",
        "matchedStatuses": ["passed"],
        "messageRegex": "(?s)Warning: .*",
    },
    {
        "name": "Non-conformance",
        "matchedStatuses": ["failed"],
        "messageRegex": "(?s)Non-conformance: .*",
    },
    {
        "name": "Inconclusive: set-up",
        "matchedStatuses": ["broken"],
        "messageRegex": "(?s)Inconclusive: .*",
    },
    {
        "name": "Tool error",
        "matchedStatuses": ["broken"],
        "messageRegex": "(?s)Tool error: .*",
    },
    {
        "name": "Not applicable",
        "matchedStatuses": ["skipped"],
        "messageRegex": "(?s)Not applicable: .*",
    },
]


def write_about(run: Run, folder: Path, env: Mapping[str, str] = os.environ) -> None:
    """Write environment.properties, categories.json and executor.json."""
    head = run.head
    values = {
        "sgprobe": head.sgprobe,
        "product": run.product(),
        "specifications": ", ".join(head.specs),
        "seed": str(head.seed),
        "python": head.python,
        "platform": head.platform,
        "strict": "yes" if head.strict else "no",
        "plan": head.plan,
        **{f"sha256.{name}": value for name, value in head.hashes.items()},
    }
    text = "".join(
        f"{_key(name)} = {_property(value)}\n" for name, value in values.items() if value
    )
    (folder / "environment.properties").write_text(text, encoding="ascii")
    (folder / "categories.json").write_text(json.dumps(CATEGORIES, indent=2), encoding="ascii")
    (folder / "executor.json").write_text(json.dumps(executor(env), indent=2), encoding="ascii")


def _property(text: str) -> str:
    r"""Return a value of a Java properties file: ASCII, \u for the rest."""
    out = []
    for char in plain(text).replace("\\", "\\\\"):
        if char.isascii():
            out.append(char)
        else:
            pair = char.encode("utf-16-be")
            out += [f"\\u{pair[at : at + 2].hex()}" for at in range(0, len(pair), 2)]
    return "".join(out)


def _key(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in text)


def executor(env: Mapping[str, str]) -> dict[str, str]:
    """Return who ran it: the CI, with a link to the job."""
    if env.get("GITHUB_ACTIONS") == "true":
        base = f"{env.get('GITHUB_SERVER_URL', '')}/{env.get('GITHUB_REPOSITORY', '')}"
        run = env.get("GITHUB_RUN_ID", "")
        name, kind, number = "GitHub Actions", "github", env.get("GITHUB_RUN_NUMBER", "")
        url = f"{base}/actions/runs/{run}"
    elif env.get("GITLAB_CI") == "true":
        name, kind, number = "GitLab CI", "gitlab", env.get("CI_PIPELINE_IID", "")
        url = env.get("CI_JOB_URL", "")
    elif env.get("JENKINS_URL"):
        name, kind, number = "Jenkins", "jenkins", env.get("BUILD_NUMBER", "")
        url = env.get("BUILD_URL", "")
    else:
        return {"name": "sgprobe", "type": "sgprobe"}
    found = {"name": name, "type": kind}
    if url.startswith(("https://", "http://")):
        found["buildUrl"] = url
    if number:
        found |= {"buildName": f"#{number}", "buildOrder": number}
    return found
