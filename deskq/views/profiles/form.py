"""The form of one profile: tabs of fields, built from the table of fields, which say at once what does not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QScrollArea, QTabWidget, QWidget

from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.profiles.field_text import from_text, to_text, value_of, with_values
from deskq.profiles.fields import BY_PLACE, FIELDS, TABS, TLS_OFF, problems, unfit
from deskq.profiles.urls import split_password, unclear_password
from deskq.views.profiles.editors import FieldEditor, problem_label
from deskq.views.widgets import theme
from deskq.views.widgets.fields import letters_reach_fields

_EMPTY: Final = Profile(name="", url="")
Draft = tuple[Profile, dict[str, str]]
_MOVES: Final = {"result_backend": "result_password", "management_url": "management_password"}


class ProfileForm(QTabWidget):
    """Shows a profile and reads it back. Emits ``changed`` when anything was typed or shown."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editors: dict[str, FieldEditor] = {}
        self.taken: set[str] = set()
        self._base = _EMPTY
        self._filling = False
        self._seen: dict[str, str] = {}
        self._new = True
        self.tls_warning = problem_label()
        self.tls_warning.setText(f"▲ {TLS_OFF}")
        self.tls_warning.setFont(theme.bold_font())
        for tab in TABS:
            self.addTab(self._make_tab(tab), tab)
        self.editors["url"].changed.connect(lambda: self._url_changed(typed=True))
        self.editors["url"].finished.connect(self._url_changed)
        for place in _MOVES:
            self.editors[place].changed.connect(lambda: self._move_passwords(typed=True))
            self.editors[place].finished.connect(self._move_passwords)
        self.editors["schedule_stores"].finished.connect(self._take_store_passwords)
        for editor in self.editors.values():
            editor.changed.connect(self._edited)

    def show_profile(self, profile: Profile, *, new: bool) -> None:
        """Show a profile with its passwords; a ``new`` one gets its name from its URL as that is typed."""
        self._base, self._new = profile, new
        self.set_texts({field.place: to_text(field, value_of(field, profile)) for field in FIELDS})

    def show_secrets(self, profile: Profile) -> dict[str, str]:
        """Fill in a profile's passwords where none was typed; returns them as texts: place -> text."""
        typed = self._base.secrets()
        found = profile.secrets().items()
        self._base = self._base.with_secrets({place: secret for place, secret in found if not typed.get(place, secret)})
        texts = {field.place: to_text(field, value_of(field, profile)) for field in FIELDS if field.kind == "secret"}
        self._fill({place: text for place, text in texts.items() if not self.editors[place].text()})
        self._edited()
        return texts

    def draft(self) -> Draft:
        """Return all that was typed, for :meth:`show_draft`."""
        return self._base, self.texts()

    def show_draft(self, draft: Draft) -> None:
        """Show what was typed before."""
        self._base, texts = draft
        self.set_texts(texts)

    def texts(self) -> dict[str, str]:
        """Return what stands in the fields: place -> text."""
        return {place: editor.text() for place, editor in self.editors.items()}

    def set_texts(self, texts: dict[str, str]) -> None:
        """Show what :meth:`texts` returned."""
        self._fill(texts)
        self._edited()

    def evaluate(self) -> tuple[Profile | None, dict[str, str]]:
        """Return the profile, None if it cannot be made, and what is wrong: place -> sentence."""
        wrong: dict[str, str] = {}
        try:
            made = Profile.from_url(self.editors["url"].text())
        except UserError as error:
            return None, {"url": str(error)}
        base = replace(self._base, url=made.url)
        values: dict[str, object] = {}
        for place, editor in self.editors.items():
            if place == "url" or unfit(BY_PLACE[place], made):
                continue
            try:
                values[place] = from_text(BY_PLACE[place], editor.text())
            except UserError as error:
                wrong[place] = str(error)
        if made.password and not values.get("password"):  # typed a moment ago
            values["password"] = made.password
        profile = with_values(base, values)
        wrong |= problems(profile)
        if profile.name in self.taken:
            wrong["name"] = f"A profile “{profile.name}” already exists. Choose another name."
        return profile, wrong

    def profile(self) -> Profile:
        """Return the profile as it is written; raises UserError for the first thing that is wrong."""
        profile, wrong = self.evaluate()
        if wrong:
            raise UserError(first_problem(wrong))
        assert profile is not None
        return profile

    def show_problems(self, wrong: dict[str, str]) -> None:
        """Say each problem beside its field, and mark the tabs where there are some."""
        quiet = "url" in wrong and not self.editors["url"].text()  # nothing typed is not wrong yet
        for place, editor in self.editors.items():
            editor.set_problem("" if quiet else wrong.get(place, ""))
        tabs = {BY_PLACE[place].tab for place in wrong} if not quiet else set()
        for number, tab in enumerate(TABS):
            unsafe = tab == "TLS" and not self.tls_warning.isHidden()
            self.setTabText(number, f"{tab} ▲" if tab in tabs or unsafe else tab)

    def _make_tab(self, tab: str) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(theme.GAP_M, theme.GAP_M, theme.GAP_M, theme.GAP_M)
        form.setVerticalSpacing(theme.GAP)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for field in FIELDS:
            if field.tab == tab:
                editor = self.editors[field.place] = FieldEditor(field)
                form.addRow("" if field.kind == "switch" else field.title, editor)
                editor.title = form.labelForField(editor)
                if field.place == "tls.verify":
                    form.addRow(self.tls_warning)
        letters_reach_fields(form)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(page)
        return area

    def _edited(self) -> None:
        if self._filling:
            return
        try:
            made = Profile.from_url(self.editors["url"].text())
        except UserError:
            made = None
        for place, editor in self.editors.items():
            editor.set_reason(unfit(BY_PLACE[place], made) if made is not None else "")
        unchecked = self.editors["tls.verify"].text() == "no"
        self.tls_warning.setVisible(unchecked and made is not None and made.tls_in_use)
        self.changed.emit()

    def _by_one_character(self, place: str) -> bool:
        """Did its text change as it does while somebody types? Then the rest of a password may be still to come."""
        text = self.editors[place].text()
        before, self._seen[place] = self._seen.get(place, ""), text
        return abs(len(text) - len(before)) == 1

    def _url_changed(self, *, typed: bool = False) -> None:
        """A password in a URL that is pasted, or that is typed to its end, moves to its own field, TLS options to
        theirs, and a name is proposed."""
        unfinished = self._by_one_character("url") and typed
        if self._filling:
            return
        text = self.editors["url"].text()
        try:
            made = Profile.from_url(text)
        except UserError:
            return
        proposed: dict[str, str] = {}
        if unfinished:
            if self._new:
                self._fill({"name": made.name})
            return
        if made.password:
            proposed["password"] = made.password.reveal()
        for place in ("tls.ca", "tls.certificate", "tls.key", "tls.verify"):
            if value_of(BY_PLACE[place], made) != value_of(BY_PLACE[place], _EMPTY):
                proposed[place] = to_text(BY_PLACE[place], value_of(BY_PLACE[place], made))
        if made.url.partition("://")[2] != text.strip().partition("://")[2]:
            proposed["url"] = made.url
        if self._new:
            proposed["name"] = made.name
        if proposed:
            self._fill(proposed)

    def _move_passwords(self, *, typed: bool = False) -> None:
        by_one = [self._by_one_character(place) for place in _MOVES]
        if self._filling or (typed and any(by_one)):
            return
        for place, secret in _MOVES.items():
            if unclear_password(self.editors[place].text()):
                continue
            bare, password = split_password(self.editors[place].text())
            if password:
                self._fill({place: bare, secret: password})

    def _take_store_passwords(self) -> None:
        """Passwords of schedule stores are kept aside as soon as the field is left."""
        stores = tuple(self.editors["schedule_stores"].text().split())
        if any(map(unclear_password, stores)):
            return
        self._base = replace(self._base, schedule_stores=stores)
        if self._base.schedule_stores != stores:
            self._fill({"schedule_stores": " ".join(self._base.schedule_stores)})
            self._edited()

    def _fill(self, texts: dict[str, str]) -> None:
        self._filling = True
        try:
            for place, text in texts.items():
                self.editors[place].set_text(text)
        finally:
            self._filling = False


def first_problem(wrong: dict[str, str]) -> str:
    """Return the first of these problems (place -> sentence) with the name of its field, "" if there is none."""
    for place, sentence in wrong.items():
        return sentence if place == "url" else f"{BY_PLACE[place].name}: {sentence}"
    return ""
