"""What differs between kinds of brokers is asked by name; which module does it is chosen in a few places."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import deskq
from deskq.profiles import Profile
from deskq.profiles.transport import OTHER, RABBITMQ, REDIS, Transport, transport_of
from deskq.profiles.urls import AMQP_SCHEMES, OTHER_SCHEMES, REDIS_SCHEMES

PACKAGE = Path(deskq.__file__).parent
CHOOSING = {
    "actions/guards_elsewhere.py",  # profiles of one transport may lead to one broker
    "brokers/control_nodes.py",
    "brokers/kombu/transport_options.py",
    "brokers/opening.py",
    "doctor/advice/general.py",
    "doctor/connection/network.py",
    "doctor/connection/steps.py",
    "profiles/importing/settings.py",  # what redis-py does with an option that is None
}


@pytest.mark.parametrize(
    ("schemes", "transport"), [(REDIS_SCHEMES, REDIS), (AMQP_SCHEMES, RABBITMQ), (OTHER_SCHEMES, OTHER)]
)
def test_each_scheme_has_its_transport(schemes: frozenset[str], transport: Transport) -> None:
    assert {transport_of(scheme) for scheme in schemes} == {transport}


def test_of_what_is_not_known_nothing_is_said() -> None:
    profile = Profile(name="a", url="history:///a.sqlite")
    assert profile.transport is OTHER
    assert not profile.transport.can_send


def test_who_does_it_is_chosen_in_few_places() -> None:
    """Everybody else asks what the transport can do, by name."""
    comparing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        and any(isinstance(one, ast.Attribute) and one.attr == "transport" for one in (node.left, *node.comparators))
    }
    assert comparing == CHOOSING
