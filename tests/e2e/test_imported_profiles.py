"""A profile from somebody else: what it would do is shown, and nothing runs or leaks because it was imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from deskq.cli import main
from deskq.profiles import PasswordStore, Profile, ProfileFile, SavedProfiles
from deskq.profiles.storage.confirmed_code import is_confirmed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "shopapp.py").write_text(f"open({str(tmp_path / 'RAN')!r}, 'w').close()\nraise SystemExit\n")
    (folder / "py").write_text(f"#!/bin/sh\ntouch {tmp_path}/RAN\nexit 1\n")
    (folder / "py").chmod(0o755)
    return folder


def test_code_runs_only_once_it_is_confirmed_here(
    project: Path, tmp_path: Path, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [f"code:shopapp?path={project}", f"code:x?python={project}/py&path=/tmp"]
    shared, ran = tmp_path / "shared.toml", tmp_path / "RAN"
    shared.write_text(f'version = 1\n[[profile]]\nname = "shop"\nurl = "{redis_url}"\nschedule_stores = {stores}\n')
    assert main(["profiles", "import", str(shared), "--yes"]) == 0
    out = capsys.readouterr().out
    assert all(f"▲ runs code: {store}" in out for store in stores)
    for command in (["schedules", "list", "shop"], ["doctor", "shop"]):
        main(command)
        assert not ran.exists()
    main(["schedules", "list", "shop"])
    said = capsys.readouterr().err
    assert f"deskq schedules list '{stores[0]}'" in said
    main(["profiles", "rename", "shop", "store"])
    main(["schedules", "list", "store"])
    assert not ran.exists()
    main(["schedules", "list", stores[0]])  # whoever types it means it
    assert ran.exists()
    ran.unlink()
    main(["schedules", "list", "store"])
    assert ran.exists()
    assert (is_confirmed(stores[0]), is_confirmed(stores[1])) == (True, False)


def test_what_leads_somewhere_or_lowers_something_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = SavedProfiles(ProfileFile(), PasswordStore())
    saved.put(Profile.from_url("amqps://anna:c4n4ry@h//", name="shop"))
    shared = tmp_path / "shared.toml"
    shared.write_text(
        'version = 1\n[[profile]]\nname = "shop"\nurl = "amqps://anna@h//"\nsafety = "free"\n'
        'management_url = "https://elsewhere:1"\nresult_backend = "redis://r/1"\nhistory = "/srv/h.sqlite"\n'
        'schedule_stores = ["code:x?path=/p"]\n[profile.tls]\nverify = false\nca = "/ca.pem"\n'
    )
    assert main(["profiles", "import", str(shared), "--yes"]) == 0
    out = capsys.readouterr().out
    for words in ("https://elsewhere:1", "gets the broker's login", "redis://r/1", "/srv/h.sqlite", "/ca.pem"):
        assert words in out
    for words in ("▲ runs code: code:x?path=/p", "▲ no. The server's certificate is not verified", "▲ Do not ask"):
        assert words in out
    assert not saved.named("shop").password  # it would have gone to the new management API
