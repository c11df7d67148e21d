"""The commands that change something at a broker, and the journal of what they did."""

from __future__ import annotations

from typing import Final

from deskq.cli.parser.command import CliCommand

_FAILED: Final = "some items failed or were not begun"
_UNKNOWN: Final = "the outcome of some items is unknown; they are never repeated automatically"
_ASKS: Final = "Shows the plan and asks. The journal keeps what is sent, before it is sent, and every outcome."

COMMANDS: Final = (
    CliCommand(
        name="send",
        text="Send a task. Shows the message, asks, and reports whether the broker accepted it.",
        more=_ASKS,
        examples=(
            "deskq send shop mail.send --args '[8812]' --queue emails --dry-run",
            "deskq send shop media.cut --exchange pool --routing-key media.video.cut",
        ),
        options="acting:SendOptions",
        run="acting:send",
        failed=_FAILED,
        unknown=_UNKNOWN,
    ),
    CliCommand(
        name="retry",
        text="Retry tasks as new tasks. Arguments are never guessed: tasks whose arguments are uncertain are left out.",
        more=f"Select tasks by their ids, or by --state and further conditions. {_ASKS}",
        examples=("deskq retry shop --state FAILURE --name 'mail.*' --canary --dry-run", "deskq retry shop 5b2c…"),
        options="acting:RetryOptions",
        run="acting:retry",
        failed="some tasks were left out, failed or were not sent",
        unknown=_UNKNOWN,
        mixes=True,
    ),
    CliCommand(
        name="revoke",
        text="Revoke tasks so that workers skip them; --terminate also kills running ones.",
        more=f"Select tasks by their ids, by --state and further conditions, or by --stamp. {_ASKS}",
        examples=("deskq revoke shop 3f1c… --terminate --signal INT", "deskq revoke shop --stamp customer=8812"),
        options="acting:RevokeOptions",
        run="control:revoke",
        failed=_FAILED,
        unknown=_UNKNOWN,
        mixes=True,
    ),
    CliCommand(
        name="abort",
        text="Ask abortable tasks to stop; they must call is_aborted(). Never overwrites a result.",
        more=_ASKS,
        examples=("deskq abort shop 3f1c… --backend redis://localhost:6379/1",),
        options="acting:AbortOptions",
        run="abort:run",
        failed=_FAILED,
        unknown=_UNKNOWN,
        mixes=True,
    ),
    CliCommand(
        name="control",
        text="Inspect or control workers.",
        more="Questions, which change nothing and need no confirmation: ping, report, clock, active-queues, memsample, "
        "memdump, stats.\n\nChanges: shutdown, pool-grow, pool-shrink, autoscale, pool-restart, add-consumer, "
        "cancel-consumer, rate-limit, time-limit, enable-events, disable-events, pause-queue, resume-queue. Most last "
        f"until the worker restarts. {_ASKS}",
        examples=(
            "deskq control shop ping",
            "deskq control shop rate-limit mail.send 10/m --worker 'mail@*'",
            "deskq control shop pause-queue emails",
        ),
        options="acting:ControlOptions",
        run="control:control",
        failed="a worker did not answer, or some items failed or were not begun",
        unknown=_UNKNOWN,
        mixes=True,
    ),
    CliCommand(
        name="journal",
        text="Show the journal: who changed what, when, and with which outcome.",
        more="--resolve checks items whose outcome is unknown, and sends nothing. --undo reverses an action as far as "
        "possible; it shows the plan and asks.",
        examples=("deskq journal emails --format json", "deskq journal --undo ACTION"),
        options="acting:JournalOptions",
        run="journal:run",
        failed="--undo: some items failed or were not begun",
        unknown="--undo: the outcome of some items is unknown",
        mixes=True,
    ),
)
