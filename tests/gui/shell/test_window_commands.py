"""Commands of the window, and of the page that it shows."""

from __future__ import annotations

from deskq.views.shell.window_commands import WindowCommands


def test_the_window_comes_before_its_page_and_what_means_nothing_is_not_offered() -> None:
    done: list[str] = []
    said: list[str] = []
    commands = WindowCommands(
        lambda: {"quit": lambda: done.append("window"), "palette": lambda: None},
        lambda: {"quit": lambda: done.append("page"), "copy_row": lambda: done.append("row")},
        said.append,
    )
    for key in ("quit", "copy_row", "retry", "undo"):
        commands.run(key)
    assert done == ["window", "row"]
    assert said == ["There is nothing to undo here. Actions are undone in the journal."]
    assert commands.offered() == {"quit", "palette", "copy_row"}
    entries = commands.entries()
    assert sorted(entry.title for entry in entries) == ["Copy row", "Quit"]
    entries[0].run()
    assert done[2:] in (["row"], ["window"])
