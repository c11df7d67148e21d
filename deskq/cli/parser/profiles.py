"""The commands of ``deskq profiles``."""

from __future__ import annotations

from typing import Final

from deskq.cli.parser.command import CliCommand

_NOT_KEPT: Final = "the profile was saved, its password was not kept"

COMMANDS: Final = (
    CliCommand(
        name="profiles list",
        text="List the saved profiles.",
        more="Passwords are never shown. A profile that cannot be read is named on standard error.",
        examples=("deskq profiles list", "deskq profiles list --format json"),
        options="profiles:ProfileListOptions",
        run="profiles:list_profiles",
    ),
    CliCommand(
        name="profiles add",
        text="Save a profile; its password goes into the system's keyring.",
        more="A password in the URL is taken out of it. Everything else about the broker can be given as an option, "
        "and changed later with deskq profiles edit.",
        examples=(
            "deskq profiles add shop rediss://user@host:6380/0 --environment production",
            "deskq profiles add shop amqps://anna@rabbit.example/shop --password-stdin < password",
        ),
        options="profiles:ProfileAddOptions",
        run="profiles:add",
        failed=_NOT_KEPT,
    ),
    CliCommand(
        name="profiles test",
        text="Test a connection in steps.",
        more="Name, port, TLS, login, permissions, events: each step that fails says what to do.",
        examples=("deskq profiles test shop",),
        options="reading:DoctorOptions",
        run="doctor:test",
        failed="a step failed",
    ),
    CliCommand(
        name="profiles remove",
        text="Remove a saved profile.",
        more="Its passwords go too; its history stays.",
        examples=("deskq profiles remove shop",),
        options="profiles:RemoveOptions",
        run="profiles:remove",
    ),
    CliCommand(
        name="profiles set-password",
        text="Put a profile's password into the system's keyring.",
        more="Asks at the terminal, or reads standard input with --password-stdin.",
        examples=(
            "deskq profiles set-password shop",
            "deskq profiles set-password shop --for result-backend",
        ),
        options="profiles:SetPasswordOptions",
        run="profiles:set_password",
    ),
    CliCommand(
        name="profiles edit",
        text="Change fields of a saved profile.",
        more="Fields that are not given stay. A URL that leads to another server forgets the old one's password.",
        examples=("deskq profiles edit shop --safety read-only --watch-queue emails",),
        options="profiles:ProfileEditOptions",
        run="profiles:edit",
        failed=_NOT_KEPT,
    ),
    CliCommand(
        name="profiles rename",
        text="Rename a profile; its passwords and history move with it.",
        examples=("deskq profiles rename shop bookshop",),
        options="profiles:NewNameOptions",
        run="profiles:rename",
    ),
    CliCommand(
        name="profiles duplicate",
        text="Save a copy of a profile under another name.",
        more="The copy has the passwords of the original, and a history of its own.",
        examples=("deskq profiles duplicate shop shop-2",),
        options="profiles:NewNameOptions",
        run="profiles:duplicate",
    ),
    CliCommand(
        name="profiles move",
        text="Change the order of profiles.",
        more="The window and deskq profiles list show them in this order.",
        examples=("deskq profiles move shop --before bank", "deskq profiles move shop --last"),
        options="profiles:MoveOptions",
        run="profiles:move",
    ),
    CliCommand(
        name="profiles import",
        text="Import profiles from a Celery app, Django settings, the environment or a file.",
        more="Says of each setting whether it is taken, not needed, or cannot be kept. An app or Django's settings are "
        "read by the project's own Python.",
        examples=(
            "deskq profiles import --app proj --folder ~/src/proj",
            "deskq profiles import --django proj.settings --dry-run",
        ),
        options="profiles:ProfileImportOptions",
        run="profiles_import:run",
        failed=_NOT_KEPT,
    ),
    CliCommand(
        name="profiles export",
        text="Export profiles, without passwords, to share them.",
        examples=("deskq profiles export shop shop.toml", "deskq profiles export -"),
        options="profiles:ProfileExportOptions",
        run="profiles_import:export",
    ),
)
