"""Print shell completion, made from the options of every verb.

eval "$(sgprobe completion bash)"             for this shell
sgprobe completion zsh > ~/.zfunc/_sgprobe    for every shell to come
"""

from __future__ import annotations

import argparse

from sgprobe.cli.options_of import Command, commands

SHELLS = ("bash", "zsh", "fish")
# what a verb takes besides its options
_IDS = ("run", "list", "explain")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe completion`."""
    parser.add_argument("shell", choices=SHELLS)


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe completion`."""
    known = list(commands())
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.shell](known), end="")
    return 0


def _words(command: Command) -> list[str]:
    options = [name for one in command.options for name in one.names if name.startswith("-")]
    return [*command.words, *options, "--help"]


def _bash(known: list[Command]) -> str:
    cases = "\n".join(f'    {one.name}) words="{" ".join(_words(one))}" ;;' for one in known)
    choices = "\n".join(
        f'    "{one.name} {name}") words="{" ".join(option.choices)}" ;;'
        for one in known for option in one.options if option.choices and option.takes
        for name in option.names
    )  # fmt: skip
    names = " ".join(one.name for one in known)
    return f"""# completion of sgprobe for bash; made by `sgprobe completion bash`
_sgprobe() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{names}" -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}} $before" in
{choices}
  esac
  if [ -z "$words" ]; then
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}}
complete -o filenames -F _sgprobe sgprobe
"""


def _zsh(known: list[Command]) -> str:
    verbs = "\n".join(f"    '{one.name}:{_quoted(one.line)}'" for one in known)
    cases = "\n".join(
        f"    {one.name}) _arguments "
        + " ".join(
            f"'{name}[{_quoted(option.help)[:70]}]'" if not option.takes
            else f"'{name}=[{_quoted(option.help)[:70]}]:{option.takes}:_files'"
            for option in one.options for name in option.names if name.startswith("--")
        )
        + " '*:file:_files' ;;"
        for one in known
    )  # fmt: skip
    return f"""#compdef sgprobe
# completion of sgprobe for zsh; made by `sgprobe completion zsh`
_sgprobe() {{
  local -a verbs
  verbs=(
{verbs}
  )
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
    return
  fi
  case $words[2] in
{cases}
  esac
}}
_sgprobe "$@"
"""


def _quoted(text: str) -> str:
    return text.replace("'", "").replace("[", "(").replace("]", ")").replace(":", ";")


def _fish(known: list[Command]) -> str:
    lines = ["# completion of sgprobe for fish; made by `sgprobe completion fish`"]
    for one in known:
        line = one.line.replace("'", "")
        lines.append(f"complete -c sgprobe -n __fish_use_subcommand -a {one.name} -d '{line}'")
        for option in one.options:
            for name in option.names:
                if name.startswith("--"):
                    text = option.help.replace("'", "")[:70]
                    lines.append(
                        f"complete -c sgprobe -n '__fish_seen_subcommand_from {one.name}' "
                        f"-l {name[2:]} -d '{text}'"
                    )
    return "\n".join(lines) + "\n"
