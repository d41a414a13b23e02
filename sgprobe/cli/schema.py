"""Print the JSON Schema of case, steps or product files, for editors.

sgprobe schema > case.schema.json
sgprobe schema --steps > steps.schema.json
sgprobe schema --product > product.schema.json
sgprobe schema --vscode           the settings for the YAML extension
"""

from __future__ import annotations

import argparse
import json

from sgprobe.cases.schema import case_schema, steps_schema
from sgprobe.data import data_dir
from sgprobe.product.schema import product_schema
from sgprobe.questions import shipped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe schema`."""
    parser.add_argument("--steps", action="store_true", help="the schema of steps files")
    parser.add_argument("--product", action="store_true", help="the schema of product files")
    parser.add_argument("--vscode", action="store_true", help="the settings of the editor")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe schema`."""
    if arguments.vscode:
        folder = data_dir("suites")
        print(
            json.dumps(
                {
                    "yaml.schemas": {
                        (folder / "case.schema.json").as_uri(): "*.case.yaml",
                        (folder / "steps.schema.json").as_uri(): "*.steps.yaml",
                    }
                },
                indent=2,
            )
        )
        return 0
    if arguments.product:
        print(json.dumps(product_schema(shipped()), indent=1))
        return 0
    print(json.dumps(steps_schema() if arguments.steps else case_schema(), indent=1))
    return 0
