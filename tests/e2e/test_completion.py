"""Completion in real shells: commands, options, the words of an option, and the names of saved profiles."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from deskq.cli import main
from deskq.cli.options.services import SHELLS
from tests.support.waiting import wait_until

HOSTILE = "zz $(touch owned) `touch owned`;x"
CASES = {
    "deskq ta": {"tasks"},
    "deskq history comp": {"compact"},
    "deskq schedules list --form": {"--format"},
    "deskq tasks x --format js": {"json", "jsonl"},
    "deskq tasks x --state REVO": {"REVOKED"},
    "deskq retry bo": {"bookshop"},
    "deskq bo": {"bookshop"},
    "deskq tasks bo": {"bookshop"},
    "deskq journal --undo x --on bo": {"bookshop"},
    "deskq control bookshop pool-g": {"pool-grow"},
    "deskq completion fi": {"fish"},
}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The scripts, in a folder with a deskq that is this one."""
    folder = tmp_path_factory.mktemp("scripts")
    wrapper = folder / "deskq"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m deskq "$@"\n')
    wrapper.chmod(0o755)
    found = {}
    for shell in SHELLS:
        found[shell] = folder / ("_deskq" if shell == "zsh" else f"{shell}.script")
        command = [sys.executable, "-m", "deskq", "completion", shell]
        found[shell].write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


@pytest.fixture
def environment(scripts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Two saved profiles, and a present folder of its own; deskq is found on the PATH."""
    monkeypatch.chdir(tmp_path)
    for name in ("bookshop", HOSTILE):
        assert main(["profiles", "add", name, "redis://h/0"]) == 0
    path = f"{scripts['bash'].parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path), "TERM": "xterm"}


def needed(shell: str) -> str:
    """Where a shell is; where it is not, the test is skipped, or fails in continuous integration."""
    found = shutil.which(shell)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no {shell}: install the package {shell}")
    return found


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one(shell: str, scripts: dict[str, Path]) -> None:
    checked = subprocess.run([needed(shell), "-n", str(scripts[shell])], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def of_bash(line: str, script: Path, environment: dict[str, str]) -> set[str]:
    """What bash offers: the function that its completion calls, with the words as bash gives them."""
    words = line.split(" ")
    program = f"""
source {shlex.quote(str(script))}
COMP_WORDS=({shlex.join(words)})
COMP_CWORD={len(words) - 1}
_shtab_deskq
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    command = [needed("bash"), "--norc", "-c", program]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return set(ran.stdout.splitlines())


def asks_for_quotes(line: str, script: Path, environment: dict[str, str]) -> bool:
    """Does the script tell readline that these are files, which it quotes by itself?"""
    words = line.split(" ")
    program = f"""
source {shlex.quote(str(script))}
compopt() {{ [[ "$*" == "-o filenames" ]] && echo asked; }}
COMP_WORDS=({shlex.join(words)})
COMP_CWORD={len(words) - 1}
_shtab_deskq
"""
    command = [needed("bash"), "--norc", "-c", program]
    return "asked" in subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def of_fish(line: str, script: Path, environment: dict[str, str]) -> set[str]:
    """What fish offers."""
    command = [
        needed("fish"),
        "--no-config",
        "-c",
        f"source {shlex.quote(str(script))}; complete -C {shlex.quote(line)}",
    ]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return {offered.partition("\t")[0] for offered in ran.stdout.splitlines()}


@pytest.mark.parametrize(("line", "wanted"), CASES.items())
def test_bash(line: str, wanted: set[str], scripts: dict[str, Path], environment: dict[str, str]) -> None:
    assert of_bash(line, scripts["bash"], environment) == wanted


@pytest.mark.parametrize(("line", "wanted"), CASES.items())
def test_fish(line: str, wanted: set[str], scripts: dict[str, Path], environment: dict[str, str]) -> None:
    assert of_fish(line, scripts["fish"], environment) == wanted


class Zsh:
    """An interactive zsh on a pseudo-terminal: its completion is nowhere else."""

    def __init__(self, script: Path, environment: dict[str, str]) -> None:
        self.text = ""
        program = needed("zsh")
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [program, "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.type(f"PS1='> '; fpath+=({shlex.quote(str(script.parent))}); autoload -U compinit; compinit -D -u\n")
        self.type("echo read''y\n")
        wait_until(lambda: "ready" in self.text, 60)

    def _read(self) -> None:
        with suppress(OSError):  # its other end is closed
            while chunk := os.read(self._ours, 65_536):
                self.text += chunk.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def completed(self, line: str) -> str:
        """The line after a tabulator: run by a shell that prints its words instead."""
        mark = f"mark{len(self.text)}"
        self.type(f"{line}\t\001print -r -- {mark[:4]}''{mark[4:]} '\005' end\n")
        wait_until(lambda: " end" in self.text.partition(f"{mark} ")[2], 60)
        return self.text.partition(f"{mark} ")[2].partition(" end")[0].strip()

    def close(self) -> None:
        self.type("\003\nexit\n")
        self.process.wait(60)
        self._reader.join()
        os.close(self._ours)


@pytest.fixture
def zsh(scripts: dict[str, Path], environment: dict[str, str]) -> Iterator[Zsh]:
    with closing(Zsh(scripts["zsh"], environment)) as shell:
        yield shell


def test_zsh(zsh: Zsh) -> None:
    one = {line: wanted for line, wanted in CASES.items() if len(wanted) == 1}
    assert [zsh.completed(line) for line in one] == [
        f"{line.rpartition(' ')[0]} {next(iter(wanted))}" for line, wanted in one.items()
    ]


def test_a_hostile_name_is_a_word(scripts: dict[str, Path], environment: dict[str, str], tmp_path: Path) -> None:
    (word,) = of_bash("deskq retry zz", scripts["bash"], environment)
    assert shlex.split(word) == [HOSTILE]
    assert not asks_for_quotes("deskq tasks zz", scripts["bash"], environment)  # it is quoted already
    assert of_bash("deskq tasks zz", scripts["bash"], environment) == {word}
    (tmp_path / "zu $(touch owned)").mkdir()
    (path,) = of_bash("deskq tasks zu", scripts["bash"], environment)
    assert shlex.split(path) == ["zu $(touch owned)/"]
    assert of_fish("deskq retry zz", scripts["fish"], environment) == {HOSTILE}
    with closing(Zsh(scripts["zsh"], environment)) as zsh:
        assert shlex.split(zsh.completed("deskq retry zz"))[2:] == [HOSTILE]
    assert not list(tmp_path.rglob("owned"))
