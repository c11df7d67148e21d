"""Import and export in the dialog of profiles, and the file of passwords; no secret in what is written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from deskq.profiles import PasswordStore, Profile, ProfileFile, Secret
from deskq.profiles.storage.profile_file import exported
from deskq.views.profiles.import_preview import ImportPreview
from tests.gui.conftest import Run, until
from tests.gui.profiles.test_profiles import BANK, SHOP, opened, stored
from tests.support.processes import children


def test_export_and_import_of_files(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(SHOP, BANK) as dialog:
            path = tmp_path / "all.toml"
            dialog.exchange.export(["shop", "bank"])
            chooser = dialog.findChild(QFileDialog)
            assert chooser is not None
            chooser.fileSelected.emit(str(path))
            chooser.close()
            await until(lambda: "Wrote 2 profiles" in dialog.message.text())
            assert "c4n4ry" not in path.read_text()
            assert len(tomllib.loads(path.read_text())["profile"]) == 2
            other = Profile.from_url("redis://elsewhere/0", name="shop")
            path.write_text(exported([other, Profile.from_url("redis://n/0", name="new")]))
            await dialog.exchange.read_file(path)
            preview = dialog.findChild(ImportPreview)
            assert preview is not None
            assert "overwrites" in preview.list.item(0).text()
            assert preview.list.item(0).checkState() == Qt.CheckState.Unchecked
            assert preview.accept_button.text() == "Import 1 profile"
            preview.list.item(0).setCheckState(Qt.CheckState.Checked)
            assert (
                "“shop” overwrites the saved profile, and is less safe: ask instead of read-only"
                in preview.warning.text()
            )
            preview.accept_button.click()
            await until(lambda: "Imported shop, new. No password came with" in dialog.message.text())
            assert [profile.name for profile in ProfileFile().load()] == ["shop", "bank", "new"]
            assert not stored("shop").password  # it was another server's

    run(scenario())


def test_import_from_an_app_and_from_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proj.py").write_text("from celery import Celery\napp = Celery('p', broker='redis://:c4n4ry@h/3')")
    (tmp_path / "broken.py").write_text("raise ValueError('c4n4ry is no number: redis://:c4n4ry@h')")
    monkeypatch.setenv("CLOUDAMQP_URL", "amqp://anna:c4n4ry@mq/shop")

    async def scenario() -> None:
        async with opened(BANK) as dialog:
            source = dialog.exchange.import_from("app")
            assert not source.read.isEnabled()
            source.name.setText("broken")
            source.folder.setText(str(tmp_path))
            source.read.click()
            await until(lambda: not source.problem.isHidden(), 30)
            assert "ValueError" in source.problem.text()
            assert "redis://:•••@h" in source.words.toPlainText()
            source.name.setText("proj")
            source.read.click()
            await until(lambda: dialog.findChild(ImportPreview) is not None, 30)
            preview: Any = dialog.findChild(ImportPreview)
            assert "proj in" in preview.detail.text()
            preview.accept_button.click()
            await until(lambda: "Imported proj" in dialog.message.text())
            assert "No password came" not in dialog.message.text()
            assert stored("proj").password == Secret("c4n4ry")
            await until(lambda: dialog.save.isEnabled() and dialog.name.text() == "proj")
            dialog.exchange.import_environment()
            preview = next(one for one in dialog.findChildren(ImportPreview) if one.isVisible())
            assert "mq/shop" in preview.list.item(preview.list.count() - 1).text()
            preview.cancel.click()

    run(scenario())


def test_a_reading_ends_with_its_dialog(run: Run, tmp_path: Path) -> None:
    (tmp_path / "proj.py").write_text("import time\ntime.sleep(600)")
    before = set(children())

    async def scenario() -> None:
        async with opened(BANK) as dialog:
            source = dialog.exchange.import_from("app")
            source.name.setText("proj")
            source.folder.setText(str(tmp_path))
            source.read.click()
            assert source._tasks.running()
            await until(lambda: children().keys() - before, what="the process that reads")
            source.cancel.click()
            await until(lambda: not source._tasks.running())
            assert set(children()) == before

    run(scenario())


def test_a_file_of_passwords_is_offered_only_without_a_keyring(run: Run) -> None:
    async def scenario() -> None:
        async with opened(BANK) as dialog:
            assert dialog.keep_in_file.isHidden()
        keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
        async with opened() as dialog:
            assert not dialog.keep_in_file.isHidden()
            dialog.url.setText("redis://:c4n4ry@h/0")
            dialog.name.setText("mine")
            dialog.save.click()
            await until(lambda: "until deskq quits" in dialog.message.text())
            dialog.keep_in_file.click()
            await until(lambda: "passwords.toml" in dialog.message.text())
            assert PasswordStore().get("mine") == Secret("c4n4ry")
            dialog.keep_in_file.click()
            await until(lambda: not PasswordStore().file_allowed)
            assert PasswordStore().get("mine") is None

    run(scenario())
