"""The one table of commands: menus, shortcuts, the palette and the overview of keys are built from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

CommandKey = Literal[
    "palette",
    "keys",
    "filter",
    "pause",
    "newest",
    "refresh",
    "detail",
    "back",
    "detail_place",
    "overview",
    "tasks",
    "workers",
    "queues",
    "schedules",
    "all_schedules",
    "doctor",
    "journal",
    "everything",
    "retry",
    "retry_to",
    "retry_all",
    "send_task",
    "send_like",
    "revoke",
    "revoke_all",
    "terminate",
    "abort",
    "revoke_stamped",
    "tell_workers",
    "pause_queue",
    "resume_queue",
    "undo",
    "redo",
    "new_schedule",
    "duplicate_schedule",
    "enable_schedule",
    "disable_schedule",
    "delete_schedule",
    "calendar",
    "run_schedule",
    "copy_redbeat",
    "import_schedules",
    "copy_python",
    "export_journal",
    "export_schedules",
    "schedule_profile",
    "schedule_tasks",
    "copy_row",
    "copy_cell",
    "copy_uuid",
    "copy_json",
    "copy_call",
    "profiles",
    "open_history",
    "stream_log",
    "theme",
    "sidebar",
    "quit",
]
"""The key of each command: what a page returns from ``commands()`` is checked against it."""


@dataclass(frozen=True, slots=True)
class Command:
    """``keys``: shortcuts in Qt's portable form; ``typing``: whether they work while text is being typed.

    ``of_tables``: the keys belong to the table of the view that has the command. Everywhere else they do what they
    always do: press a button, open a list, delete a character.
    """

    key: CommandKey
    title: str
    group: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    typing: bool = False
    of_tables: bool = False


COMMANDS: Final = (
    Command("palette", "Command palette…", "Go", ("Ctrl+K",), "Find any command, view, queue or worker", True),
    Command("keys", "Keyboard shortcuts", "Help", ("?",), "Show every key"),
    Command("filter", "Filter", "View", ("/",), "Write a filter for the table"),
    Command("pause", "Pause live", "View", ("Space",), "Pause or resume live updates of the table", of_tables=True),
    Command(
        "newest", "Jump to newest", "View", ("Home",), "Scroll to the newest row and follow new ones", of_tables=True
    ),
    Command("refresh", "Refresh", "View", ("F5",), "Read everything anew", True),
    Command("detail", "Open detail", "View", ("Return",), "Show the selected row in full", of_tables=True),
    Command("back", "Back", "View", ("Esc",), "Close the detail, leave the filter", True),
    Command("detail_place", "Detail below or right", "View", ("Ctrl+Shift+D",), "Where the detail stands", True),
    Command("overview", "Overview", "Go", ("G, O",), "Throughput, failures, runtimes and depths"),
    Command("tasks", "Tasks", "Go", ("G, T",), "Every task, live"),
    Command("workers", "Workers", "Go", ("G, W",), "Who works, and on what"),
    Command("queues", "Queues", "Go", ("G, Q",), "What waits"),
    Command("schedules", "Schedules", "Go", ("G, S",), "What beat does, and when"),
    Command("all_schedules", "All schedules", "Go", ("G, Shift+S",), "What the beats of all profiles do"),
    Command("doctor", "Doctor", "Go", ("G, D",), "Test the connection, and what should be set otherwise"),
    Command("journal", "Journal", "Go", ("G, J",), "What deskq changed, and how it ended"),
    Command("everything", "All brokers", "Go", ("G, A",), "The overview of all brokers"),
    Command("retry", "Retry…", "Edit", ("R",), "Send the selected tasks anew, each to the queue it came from"),
    Command(
        "retry_to", "Retry to a queue…", "Edit", ("Shift+R",), "Send the selected tasks anew, to a queue you choose"
    ),
    Command("retry_all", "Retry all that match…", "Edit", (), "Send everything anew that the filter lets through"),
    Command("send_task", "Send a task…", "Edit", ("S",), "Write a call and send it"),
    Command("send_like", "Send again, edited…", "Edit", ("Shift+S",), "A new task like the selected one"),
    Command(
        "revoke", "Revoke…", "Edit", ("Shift+Del",), "Keep workers from starting the selected tasks", of_tables=True
    ),
    Command(
        "revoke_all", "Revoke all that match…", "Edit", (), "Keep workers from starting what the filter lets through"
    ),
    Command("terminate", "Revoke and terminate…", "Edit", (), "End the process of the selected tasks that run"),
    Command("abort", "Abort…", "Edit", (), "Ask abortable tasks to stop, by their state in the result backend"),
    Command("revoke_stamped", "Revoke by stamp…", "Edit", (), "Every task with a stamped header, seen or unseen"),
    Command("tell_workers", "Tell workers…", "Edit", ("T",), "Ask the selected workers, or steer them"),
    Command("pause_queue", "Pause queue…", "Edit", ("P",), "All workers of the current queue leave it"),
    Command("resume_queue", "Resume queue…", "Edit", ("Shift+P",), "They consume it again"),
    Command("undo", "Undo", "Edit", ("Ctrl+Z",), "Take the last edit, or the selected action, back"),
    Command("redo", "Redo", "Edit", ("Ctrl+Shift+Z",), "Make it again"),
    Command("new_schedule", "New schedule…", "Edit", ("N",), "Add a periodic task"),
    Command("duplicate_schedule", "Duplicate schedule…", "Edit", ("D",), "A new one like the current schedule"),
    Command("enable_schedule", "Enable schedules…", "Edit", (), "Let beat send the selected ones"),
    Command("disable_schedule", "Disable schedules…", "Edit", (), "Keep beat from sending the selected ones"),
    Command(
        "delete_schedule",
        "Delete schedules…",
        "Edit",
        ("Del",),
        "Delete the selected schedules from their store",
        of_tables=True,
    ),
    Command(
        "calendar",
        "Calendar of schedules",
        "View",
        ("C",),
        "What runs when in the next day or week, and what starts together",
    ),
    Command("run_schedule", "Send the schedule's task now…", "Edit", (), "What beat would send, once"),
    Command("copy_redbeat", "Copy as redbeat JSON", "Edit", (), "The selected schedules as redbeat keeps them"),
    Command("import_schedules", "Import schedules…", "File", (), "Bring a store to what a TOML file says"),
    Command("copy_python", "Copy as beat_schedule entry", "Edit", (), "The selected schedules as Python"),
    Command("export_journal", "Export the journal…", "File", (), "The actions that are shown, with their items"),
    Command("export_schedules", "Export schedules…", "File", (), "The schedules that are shown, as TOML"),
    Command("schedule_profile", "Show the schedule in its profile", "Go", (), "Among the other schedules there"),
    Command("schedule_tasks", "Show the schedule's tasks", "Go", (), "The tasks of that name"),
    Command("copy_row", "Copy row", "Edit", ("Ctrl+Shift+C",), "The selected rows, tab-separated"),
    Command("copy_cell", "Copy cell", "Edit", (), "The current cell, in full"),
    Command("copy_uuid", "Copy id", "Edit", (), "The ids of the selected tasks"),
    Command("copy_json", "Copy as JSON", "Edit", (), "The selected tasks, one object each"),
    Command("copy_call", "Copy as send_task(…)", "Edit", (), "The call that would send it anew"),
    Command("profiles", "Profiles…", "File", ("Ctrl+,",), "Add, edit, connect and delete profiles", True),
    Command("open_history", "Open a history…", "File", ("Ctrl+O",), "Show a history file, without a broker", True),
    Command("stream_log", "Gaps and malformed…", "View", (), "What was missed, and what was no event"),
    Command("theme", "Light or dark", "View", ("Ctrl+Shift+L",), "Switch the theme", True),
    Command("sidebar", "Sidebar", "View", ("Ctrl+B",), "Show or hide the tree", True),
    Command("quit", "Quit", "File", ("Ctrl+Q",), "End deskq; its own recorders end with it", True),
)

BY_KEY: Final[dict[CommandKey, Command]] = {command.key: command for command in COMMANDS}
