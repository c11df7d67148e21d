"""``deskq completion``: a script for a shell, made from the parser; names of profiles are asked for when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

import shtab

from deskq.actions.workers.verbs import VERBS
from deskq.cli.options.services import CompletionOptions
from deskq.cli.parser.command_parser import CommandParser
from deskq.cli.parser.parser import build_parser
from deskq.protocol.task_states import STATES

_NAMES: Final = "command deskq profiles list --names 2>/dev/null"
# Names are compared and added as they are: bash would expand what stands in them as a list of words.
# What shtab takes for files, by the function's name, readline quotes too: the words twice, "$" and "`" not always.
_BASH: Final = f"""
_deskq_profiles() {{
  local name word
  while IFS= read -r name; do
    printf -v word '%q' "$name"
    [[ "$word" == "$1"* ]] && printf '%s\\n' "$word"
  done < <({_NAMES})
}}
_deskq_profiles_or_paths() {{
  local path
  _deskq_profiles "$1"
  while IFS= read -r path; do
    [[ -d "$path" ]] && path="$path/"
    printf '%q\\n' "$path"
  done < <(compgen -f -- "$1")
}}
_shtab_deskq_pos_0_COMPGEN=_deskq_profiles
"""
_BASH_END: Final = """
_deskq() {
  _shtab_deskq "$@"
  [[ ${#COMPREPLY[@]} = 1 && "${COMPREPLY[0]}" == */ ]] && compopt -o nospace
  return 0
}
complete -o bashdefault -F _deskq deskq
"""
_ZSH: Final = f"""
_deskq_profiles() {{
  local -a names=("${{(@f)$({_NAMES})}}")
  compadd "$@" -a names
}}
_deskq_profiles_or_files() {{
  _deskq_profiles
  _files
}}
functions[_deskq_commands]=$functions[_shtab_deskq_commands]
_shtab_deskq_commands() {{
  _deskq_commands
  _deskq_profiles
}}
"""
_FISH: Final = f"complete -c deskq -n '_shtab_deskq_using; and test $_shtab_deskq_npos -eq 0' -ka \"({_NAMES})\"\n"
_PROFILES: Final = {"bash": "_deskq_profiles", "zsh": "_deskq_profiles", "fish": f"({_NAMES})"}
_BOTH: Final = {
    "bash": "_deskq_profiles_or_paths",
    "zsh": "_deskq_profiles_or_files",
    "fish": f"({_NAMES}) (__fish_complete_path (commandline -ct))",
}
_BY_METAVAR: Final = {
    "PROFILE": _PROFILES,
    "URL|PROFILE": _PROFILES,
    "STORE": _PROFILES,
    "HISTORY|PROFILE": _BOTH,
    "URL|PROFILE|PATH": _BOTH,
    "FILE": shtab.FILE,
    "PATH": shtab.FILE,
    "DIR": shtab.DIRECTORY,
}
"""What completes an argument, by what stands for it in the help."""


def run(options: CompletionOptions) -> int:
    """Print the script."""
    parser = build_parser()
    for action in _actions(parser):
        _tell_completer(action)
    preamble = {"bash": _BASH, "zsh": _ZSH}.get(options.shell, "")
    print(shtab.complete(parser, options.shell, preamble=preamble))
    print({"bash": _BASH_END, "fish": _FISH}.get(options.shell, ""), end="")
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    assert isinstance(parser, CommandParser)
    parser.complete()
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from _actions(one)


def _tell_completer(action: argparse.Action) -> None:
    """The parser reads nothing: its arguments may have choices that are none, such as states that a task may have."""
    if action.metavar == "VERB":
        action.choices = [*VERBS, "pause-queue", "resume-queue"]
    elif action.dest == "state":
        action.choices = STATES
    elif isinstance(action.metavar, str) and action.metavar in _BY_METAVAR:
        action.complete = _BY_METAVAR[action.metavar]  # type: ignore[attr-defined]
