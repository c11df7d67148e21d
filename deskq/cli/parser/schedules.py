"""The commands of ``deskq schedules``."""

from __future__ import annotations

from typing import Final

from deskq.cli.parser.command import CliCommand

_FAILED: Final = "an entry failed or was not changed"
_UNKNOWN: Final = "the outcome for an entry is unknown"
_ASKS: Final = "Shows what will be written, and asks. A schedule that someone else has changed is never overwritten."

COMMANDS: Final = (
    CliCommand(
        name="schedules list",
        text="List periodic tasks, their next runs, and what is wrong with them.",
        more="Reads every store of the profile; beat need not run.",
        examples=("deskq schedules list shop", "deskq schedules list redbeat:redis://localhost:6379/0"),
        options="schedules:ScheduleListOptions",
        run="schedules:list_entries",
        failed="a store could not be read",
    ),
    CliCommand(
        name="schedules show",
        text="Show everything a store holds about one schedule.",
        examples=("deskq schedules show shop nightly --format json",),
        options="schedules:ShowOptions",
        run="schedules:show",
    ),
    CliCommand(
        name="schedules next",
        text="Show the next runs of a schedule as ISO times.",
        more="As Celery reads the schedule. Hours that a clock change skips or repeats are marked.",
        examples=("deskq schedules next shop nightly --count 10",),
        options="schedules:NextOptions",
        run="schedules:print_next",
        failed="it will not run again",
    ),
    CliCommand(
        name="schedules export",
        text="Write a store's periodic tasks as TOML.",
        more="deskq schedules import takes the file.",
        examples=("deskq schedules export shop --output shop-schedules.toml",),
        options="schedules:ScheduleExportOptions",
        run="schedules:export",
        failed="an entry or a store could not be read and was left out",
    ),
    CliCommand(
        name="schedules add",
        text="Add a periodic task.",
        more=_ASKS,
        examples=("deskq schedules add shop --name nightly --task report.build --cron '30 2 * * *'",),
        options="schedules:ScheduleAddOptions",
        run="schedule_changes:add",
        failed=_FAILED,
        unknown=_UNKNOWN,
    ),
    CliCommand(
        name="schedules edit",
        text="Change the given fields of a schedule; --name renames it.",
        more=_ASKS,
        examples=("deskq schedules edit shop nightly --cron '0 3 * * mon-fri' --dry-run",),
        options="schedules:ScheduleEditOptions",
        run="schedule_changes:edit",
        failed=_FAILED,
        unknown=_UNKNOWN,
    ),
    CliCommand(
        name="schedules enable",
        text="Let beat send periodic tasks again.",
        more=_ASKS,
        examples=("deskq schedules enable shop nightly",),
        options="schedules:EntriesOptions",
        run="schedule_changes:enable",
        failed=_FAILED,
        unknown=_UNKNOWN,
    ),
    CliCommand(
        name="schedules disable",
        text="Keep beat from sending periodic tasks.",
        more=_ASKS,
        examples=("deskq schedules disable shop nightly",),
        options="schedules:EntriesOptions",
        run="schedule_changes:disable",
        failed=_FAILED,
        unknown=_UNKNOWN,
    ),
    CliCommand(
        name="schedules delete",
        text="Delete periodic tasks.",
        more=_ASKS,
        examples=("deskq schedules delete shop nightly",),
        options="schedules:EntriesOptions",
        run="schedule_changes:delete",
        failed=_FAILED,
        unknown=_UNKNOWN,
    ),
    CliCommand(
        name="schedules import",
        text="Apply an exported file to a store. Shows the differences and asks.",
        more="Entries that the file does not name stay, unless --delete-others is given.",
        examples=("deskq schedules import shop shop-schedules.toml --dry-run",),
        options="schedules:ScheduleImportOptions",
        run="schedule_changes:import_file",
        failed=_FAILED,
        unknown=_UNKNOWN,
    ),
)
