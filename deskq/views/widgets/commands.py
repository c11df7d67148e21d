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
    Command("filter", "Filter", "View", ("/",), "Go to the filter field"),
    Command("pause", "Pause updates", "View", ("Space",), "Pause or resume live updates of the table", of_tables=True),
    Command(
        "newest", "Jump to newest", "View", ("Home",), "Scroll to the newest row and follow new ones", of_tables=True
    ),
    Command("refresh", "Refresh", "View", ("F5",), "Reload everything", True),
    Command("detail", "Open detail", "View", ("Return",), "Show the selected row in full", of_tables=True),
    Command("back", "Back", "View", ("Esc",), "Close the detail pane or leave the filter field", True),
    Command(
        "detail_place",
        "Detail below or right",
        "View",
        ("Ctrl+Shift+D",),
        "Show the detail pane below or on the right",
        True,
    ),
    Command("overview", "Overview", "Go", ("G, O",), "Throughput, failures, runtimes and depths"),
    Command("tasks", "Tasks", "Go", ("G, T",), "Every task, live"),
    Command("workers", "Workers", "Go", ("G, W",), "Worker state, load and running tasks"),
    Command("queues", "Queues", "Go", ("G, Q",), "Queue depths, rates and consumers"),
    Command("schedules", "Schedules", "Go", ("G, S",), "Periodic tasks and their next runs"),
    Command("all_schedules", "All schedules", "Go", ("G, Shift+S",), "Periodic tasks of all connected profiles"),
    Command("doctor", "Doctor", "Go", ("G, D",), "Test the connection and check the settings"),
    Command("journal", "Journal", "Go", ("G, J",), "Every change made with deskq, and its outcome"),
    Command("everything", "All brokers", "Go", ("G, A",), "Overview across all brokers"),
    Command("retry", "Retry…", "Edit", ("R",), "Send the selected tasks again, each to its original queue"),
    Command(
        "retry_to", "Retry to a queue…", "Edit", ("Shift+R",), "Send the selected tasks again, to a queue you choose"
    ),
    Command("retry_all", "Retry all that match…", "Edit", (), "Retry every task that matches the filter"),
    Command("send_task", "Send a task…", "Edit", ("S",), "Compose a task and send it"),
    Command("send_like", "Send a copy…", "Edit", ("Shift+S",), "Edit a copy of the selected task and send it"),
    Command(
        "revoke", "Revoke…", "Edit", ("Shift+Del",), "Keep workers from starting the selected tasks", of_tables=True
    ),
    Command(
        "revoke_all",
        "Revoke all that match…",
        "Edit",
        (),
        "Keep workers from starting any task that matches the filter",
    ),
    Command("terminate", "Revoke and terminate…", "Edit", (), "Kill the processes that run the selected tasks"),
    Command("abort", "Abort…", "Edit", (), "Ask abortable tasks to stop, through the result backend"),
    Command(
        "revoke_stamped",
        "Revoke by stamp…",
        "Edit",
        (),
        "Revoke every task with a stamped header, even tasks not seen yet",
    ),
    Command("tell_workers", "Control workers…", "Edit", ("T",), "Inspect or control the selected workers"),
    Command("pause_queue", "Pause queue…", "Edit", ("P",), "All workers stop consuming the current queue"),
    Command("resume_queue", "Resume queue…", "Edit", ("Shift+P",), "All workers consume the current queue again"),
    Command("undo", "Undo", "Edit", ("Ctrl+Z",), "Undo the last edit or the selected action"),
    Command("redo", "Redo", "Edit", ("Ctrl+Shift+Z",), "Redo the last undone edit"),
    Command("new_schedule", "New schedule…", "Edit", ("N",), "Add a periodic task"),
    Command("duplicate_schedule", "Duplicate schedule…", "Edit", ("D",), "Create a copy of the current schedule"),
    Command("enable_schedule", "Enable schedules…", "Edit", (), "Let beat send the selected schedules"),
    Command("disable_schedule", "Disable schedules…", "Edit", (), "Keep beat from sending the selected schedules"),
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
        "Schedule calendar",
        "View",
        ("C",),
        "Runs of the next day or week, and collisions",
    ),
    Command("run_schedule", "Send the schedule's task now…", "Edit", (), "Send the task once, as beat would"),
    Command("copy_redbeat", "Copy as redbeat JSON", "Edit", (), "Copy the selected schedules in redbeat's format"),
    Command("import_schedules", "Import schedules…", "File", (), "Apply a TOML file to a store, after a preview"),
    Command("copy_python", "Copy as beat_schedule entry", "Edit", (), "Copy the selected schedules as Python code"),
    Command("export_journal", "Export the journal…", "File", (), "Save the listed actions and their items to a file"),
    Command("export_schedules", "Export schedules…", "File", (), "Save the listed schedules as TOML"),
    Command(
        "schedule_profile",
        "Show the schedule in its profile",
        "Go",
        (),
        "Open the profile's Schedules view at this schedule",
    ),
    Command("schedule_tasks", "Show the schedule's tasks", "Go", (), "List the tasks with this name"),
    Command("copy_row", "Copy row", "Edit", ("Ctrl+Shift+C",), "Copy the selected rows, tab-separated"),
    Command("copy_cell", "Copy cell", "Edit", (), "Copy the full value of the current cell"),
    Command("copy_uuid", "Copy id", "Edit", (), "Copy the ids of the selected tasks"),
    Command("copy_json", "Copy as JSON", "Edit", (), "Copy the selected tasks as JSON objects"),
    Command("copy_call", "Copy as send_task(…)", "Edit", (), "Copy the Python call that sends this task"),
    Command("profiles", "Profiles…", "File", ("Ctrl+,",), "Add, edit, connect and delete profiles", True),
    Command("open_history", "Open a history…", "File", ("Ctrl+O",), "Show a history file, without a broker", True),
    Command(
        "stream_log",
        "Gaps and malformed deliveries…",
        "View",
        (),
        "Spans without events, and deliveries that could not be decoded",
    ),
    Command("theme", "Switch theme", "View", ("Ctrl+Shift+L",), "Switch between light and dark", True),
    Command("sidebar", "Sidebar", "View", ("Ctrl+B",), "Show or hide the sidebar", True),
    Command("quit", "Quit", "File", ("Ctrl+Q",), "Quit deskq and stop the recorders it started", True),
)

BY_KEY: Final[dict[CommandKey, Command]] = {command.key: command for command in COMMANDS}
