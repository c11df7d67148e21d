"""Lists of brokers, ``amqp://a;amqp://b``: which of them is connected to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deskq.brokers.ports import BrokerError
from deskq.profiles import Profile


def first_of(profile: Profile, connect: Callable[[Profile], Any]) -> Any:
    """Return what ``connect`` returns for the first broker for which it does; raises the BrokerError of one.

    They are tried in their order, as kombu does, whatever is wrong with one: where none can be used, the sentence
    has the reason for each.
    """
    problems: list[BrokerError] = []
    for one in profile.alternatives():
        try:
            return connect(one)
        except BrokerError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    alike = len({type(problem) for problem in problems}) == 1
    raise (type(problems[0]) if alike else BrokerError)(" ".join(dict.fromkeys(map(str, problems))))
