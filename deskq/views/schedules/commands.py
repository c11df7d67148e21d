"""What people do with schedules: the editor, switching, deleting, and somebody else's change meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from deskq.actions.executor import Progress
from deskq.actions.messages.call import Call
from deskq.errors import UserError
from deskq.schedules.diff import FieldChange, changes_to, copy_of
from deskq.schedules.model import Entry, Owner
from deskq.schedules.profile_reader import StoreState
from deskq.services.schedules.following import Schedules, with_switched
from deskq.services.schedules.shown import ShownSchedule
from deskq.views.actions.plan_dialog import StepsDialog
from deskq.views.schedules.editor.conflict import ScheduleConflict
from deskq.views.schedules.editor.dialog import ScheduleDialog
from deskq.views.schedules.plan_dialogs import SchedulePlanDialogs


class ScheduleCommands(QObject):
    """Acts on the stores that ``schedules`` follows; ``widget`` is the view above which dialogs stand."""

    def __init__(self, schedules: Schedules, widget: QWidget) -> None:
        super().__init__(widget)
        self._schedules = schedules
        self._session = schedules.session
        self._widget = widget
        self.edits = SchedulePlanDialogs(self._session.profile, widget)

    def new(self, state: StoreState | None) -> None:
        """Open the editor on nothing; says so where no store can be written."""
        if state is None:
            self.edits.say("This profile has no writable schedule store. Add one to the profile.")
        else:
            self._edit(state, None, None)

    def edit(self, one: ShownSchedule) -> None:
        """Open the editor on a schedule, or say why it is not edited."""
        state = self._schedules.store_of(one.row)
        if one.row.why_not:
            self.edits.say(one.row.why_not)
        elif state is not None:
            self._edit(state, one.entry, None)

    def duplicate(self, one: ShownSchedule, other: StoreState | None) -> None:
        """Open the editor on a copy: in the same store, or in the other one where that is not written."""
        state = other if one.row.why_not else self._schedules.store_of(one.row)
        if state is None:
            self.new(None)
        else:
            self.copy_to(one, state)

    def copy_to(self, one: ShownSchedule, state: StoreState) -> None:
        """Open the editor on a copy in a store, under a name that is free there."""
        assert state.store is not None
        taken = [shown.entry.name for shown in self._schedules.rows if shown.row.url == state.store.url]
        copy = copy_of(one.entry, set(taken))
        self._edit(state, None, copy)

    async def bring(self, state: StoreState, wanted: Sequence[Entry]) -> None:
        """Bring a store to what a file says, after asking; says so where nothing would change."""
        assert state.store is not None
        stored = [shown.entry for shown in self._schedules.rows if shown.row.url == state.store.url]
        changes = await self._session.schedules(lambda _: changes_to(stored, wanted))
        if changes:
            self.change(state, changes)
        else:
            self.edits.say("The store already matches the file.")

    def switch(self, chosen: Sequence[ShownSchedule], *, enabled: bool) -> None:
        """Enable or disable, after asking: a plan for each store."""
        for state, rows in self._by_store(chosen):
            changes = [FieldChange(old, new) for old, new in with_switched(rows, enabled=enabled)]
            if changes:
                self.change(state, changes)

    def delete(self, chosen: Sequence[ShownSchedule]) -> None:
        """Delete, after asking: a plan for each store."""
        for state, rows in self._by_store(chosen):
            self.change(state, [FieldChange(shown.entry, None) for shown in rows])

    def _edit(self, state: StoreState, old: Entry | None, shown: Entry | None) -> None:
        assert state.store is not None
        entries = [row.entry for row in self._schedules.rows]
        registered = self._schedules.registered
        dialog = ScheduleDialog(
            state.store,
            old,
            shown,
            tasks=sorted({entry.task for entry in entries} | (registered.names if registered else frozenset())),
            queues=sorted({entry.queue for entry in entries if entry.queue}),
            registered=registered,
            parent=self._widget,
        )
        dialog.accepted_entry.connect(lambda new: self._save(state, dialog, new))
        self._session.spawn(self._known_names(dialog), "names of tasks", dialog)
        dialog.open()

    async def _known_names(self, dialog: ScheduleDialog) -> None:
        """What the history has seen completes the task's name and the queue."""
        try:
            facets = await self._session.ask(lambda reader: reader.facets(), slot="schedule names")
        except UserError:
            return
        if dialog.isVisible():
            dialog.offer(facets.names, facets.queues)

    def _save(self, state: StoreState, dialog: ScheduleDialog, new: Entry) -> None:
        """Preview and write; the editor stays open until it is written."""
        old = dialog.old

        def ended(progress: Progress) -> None:
            if progress.done:
                dialog.accept()
            elif old is not None:
                self._session.spawn(self._look_for_conflict(state, dialog, old, new), "schedule conflict", dialog)

        def asked(preview: StepsDialog) -> None:
            preview.ended.connect(ended)

        self.change(state, [FieldChange(old, new)], above=dialog, change_shared=dialog.change_shared, then=asked)

    async def _look_for_conflict(self, state: StoreState, dialog: ScheduleDialog, old: Entry, mine: Entry) -> None:
        """It was not written: is what is stored something else than what was edited?"""
        await self._session.schedules(lambda reader: reader.read())
        rows = await self._session.schedules(lambda reader: reader.rows())
        assert state.store is not None
        url, key = state.store.url, old.key or old.name
        theirs = next((row.entry for row in rows if row.key == (url, key)), None)
        if not dialog.isVisible() or (theirs is not None and theirs.version == old.version):
            return
        conflict = ScheduleConflict(old, theirs, mine, dialog)

        def go_on(merged: Entry) -> None:
            dialog.rebase(theirs, merged)
            self._save(state, dialog, merged)

        conflict.resolved.connect(go_on)
        conflict.open()

    def change(
        self,
        state: StoreState,
        changes: Sequence[FieldChange],
        *,
        above: QWidget | None = None,
        change_shared: bool = False,
        note: str = "",
        then: Callable[[StepsDialog], object] = lambda _: None,
    ) -> None:
        """Preview changes of one store; see ScheduleEdits.change."""
        assert state.store is not None
        owned = [each.name for each in changes if each.old is not None and each.old.owner is Owner.CODE]
        undone = f"Defined in code: {_listed(owned)}. Beat reverts this change at its next start." if owned else ""
        note = " ".join(filter(None, (note, undone, state.beat.words if state.beat.alive is False else "")))
        self.edits.change(state.store, changes, note=note, above=above, change_shared=change_shared, then=then)

    def _by_store(self, chosen: Sequence[ShownSchedule]) -> list[tuple[StoreState, list[ShownSchedule]]]:
        """The chosen ones that can be changed, store by store."""
        refused = next((one.row.why_not for one in chosen if one.row.why_not), "")
        if refused:
            self.edits.say(refused)
        found: dict[str, tuple[StoreState, list[ShownSchedule]]] = {}
        for one in chosen:
            state = self._schedules.store_of(one.row)
            if state is not None and not one.row.why_not:
                found.setdefault(one.row.url, (state, []))[1].append(one)
        return list(found.values())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(f"“{name}”" for name in names[:3]) + more


def call_of(entry: Entry) -> Call:
    """Return what beat would send for an entry, as far as a call has words for it."""
    options = entry.options
    expires, priority, headers = options.get("expires"), options.get("priority"), options.get("headers")
    countdown = options.get("countdown")
    exchange = str(options.get("exchange") or "") if not entry.queue else ""
    return Call(
        task=entry.task,
        queue="" if exchange else entry.queue or "celery",
        exchange=exchange,
        routing_key=str(options.get("routing_key") or "") if exchange else "",
        args=entry.args,
        kwargs=entry.kwargs,
        countdown=float(countdown) if isinstance(countdown, int | float) and countdown > 0 else None,
        expires=float(expires) if isinstance(expires, int | float) else None,
        priority=priority if isinstance(priority, int) else None,
        headers=headers if isinstance(headers, dict) else {},
    )
