"""The commands that watch and read: window, demo, recorder, histories, results, doctor."""

from __future__ import annotations

from typing import Final

from deskq.cli.parser.command import CliCommand

COMMANDS: Final = (
    CliCommand(
        name="window",
        text="Open the window (the default).",
        more="Shows the saved profiles and what is named here. If a window is open already, that one comes to the "
        "front and opens them. A history file is shown without a broker.",
        examples=("deskq", "deskq redis://localhost:6379/0", "deskq old-shop.sqlite"),
        options="services:WindowOptions",
        run="window:run_window",
    ),
    CliCommand(
        name="demo",
        text="Show deskq at work on an embedded broker with real workers.",
        more="Starts a Valkey, two Celery workers, a beat and a producer, records them, and ends them all with the "
        "window. Nothing else on this machine is touched.",
        examples=("deskq demo", "deskq demo --headless --seconds 20 --pictures pictures"),
        options="services:DemoOptions",
        run="window:run_demo",
    ),
    CliCommand(
        name="record",
        text="Record a broker's event stream into a history until interrupted.",
        more="Made to run as a service: Ctrl+C or SIGTERM ends it, and it prints a summary as JSON. One recorder "
        "writes a history; any number of windows and commands can read it.",
        examples=("deskq record redis://localhost:6379/0 --history shop.sqlite", "deskq record shop --log info"),
        options="services:RecordOptions",
        run="record:run",
    ),
    CliCommand(
        name="tasks",
        text="List tasks of a history, newest first.",
        more="Reads the history alone, also while a recorder writes it. All conditions must match; one that is "
        "repeated matches any of its values.",
        examples=(
            "deskq tasks shop --filter 'state:FAILURE exception:Timeout runtime:>1'",
            "deskq tasks shop.sqlite --state FAILURE --format jsonl --limit 0",
        ),
        options="reading:TasksOptions",
        run="tasks:run",
    ),
    CliCommand(
        name="result",
        text="Show what the result backend keeps of a task; nothing is unpickled.",
        more="Reads the profile's result backend: Redis, a database, or Django's tables.",
        examples=("deskq result shop 5b2c… --result-backend redis://localhost:6379/1",),
        options="reading:ResultOptions",
        run="result:run",
        failed="no result is stored: it expired, or never was",
    ),
    CliCommand(
        name="history info",
        text="Show what a history contains.",
        more="Its size, the tasks in each state, the time they span, the recorder, and every gap.",
        examples=("deskq history info shop.sqlite",),
        options="history:InfoOptions",
        run="history:print_description",
    ),
    CliCommand(
        name="history check",
        text="Check a whole history for damage.",
        more="Changes nothing unless --salvage is given: then a damaged file is set aside, and what is readable goes "
        "into a new one.",
        examples=("deskq history check shop.sqlite", "deskq history check --salvage shop.sqlite"),
        options="history:CheckOptions",
        run="history:check",
        failed="the history is damaged",
    ),
    CliCommand(
        name="history compact",
        text="Compact a history file. Stop its recorder first.",
        more="Writes the file again without the space that deleted tasks left.",
        examples=("deskq history compact shop.sqlite",),
        options="history:CompactOptions",
        run="history:compact_file",
    ),
    CliCommand(
        name="history copy",
        text="Copy a history into one complete file, even while a recorder runs.",
        more="Existing files are not overwritten.",
        examples=("deskq history copy shop shop-before-the-release.sqlite",),
        options="history:CopyOptions",
        run="history:copy_file",
    ),
    CliCommand(
        name="history export",
        text="Export all or matching tasks, newest first.",
        more="Takes the conditions of deskq tasks. An output file appears when it is complete, readable by its owner "
        "only, since arguments may hold secrets.",
        examples=("deskq history export shop.sqlite --state FAILURE --since 7d --format csv --output failures.csv",),
        options="history:HistoryExportOptions",
        run="history:export",
    ),
    CliCommand(
        name="doctor",
        text="Check a broker and its workers, and suggest changes.",
        more="Tests the connection step by step, then looks for what commonly goes wrong: events that are off, clocks, "
        "queues without a consumer, eviction, visibility timeouts. Each problem comes with the setting that fixes it.",
        examples=("deskq doctor redis://localhost:6379/0", "deskq doctor shop --format json"),
        options="reading:DoctorOptions",
        run="doctor:run",
        failed="a step failed, or something is an error or a warning",
    ),
    CliCommand(
        name="completion",
        text="Print the script by which a shell completes deskq's commands, options and profiles.",
        more="Print it again after an update of deskq. The names of profiles are always those that are saved.",
        examples=(
            "deskq completion bash > ~/.local/share/bash-completion/completions/deskq",
            "deskq completion zsh > ~/.zfunc/_deskq     # with fpath+=(~/.zfunc) before compinit in ~/.zshrc",
            "deskq completion fish > ~/.config/fish/completions/deskq.fish",
        ),
        options="services:CompletionOptions",
        run="completion:run",
    ),
)
