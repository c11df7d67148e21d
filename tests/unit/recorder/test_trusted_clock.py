"""By what time the recorder deletes: a clock that was set, a long pause, and what others say of the time."""

from __future__ import annotations

import pytest

from deskq.recorder.trusted_clock import HEARD_SECONDS, HELD_SECONDS, TrustedClock

NOW = 1_795_000_000.0
DAY = 86_400.0
HOUR = 3_600.0


class Machine:
    """A wall clock that can be set, and one that only counts; rounds are ten seconds apart."""

    def __init__(self, *, days: float = 30, last_sign: float = 0.0, noted: str | None = None, at: float = NOW) -> None:
        self.steady, self.wall = 5_000.0, at
        self.clock = TrustedClock((days * DAY,), lambda: self.steady)
        self.clock.begin(self.wall, last_sign, noted)

    def run(self, seconds: float) -> float | None:
        """Let so much time pass; by how much the trusted time is behind the wall clock then, None if there is none."""
        while seconds > 0:
            step = min(seconds, 10.0)
            self.steady, self.wall, seconds = self.steady + step, self.wall + step, seconds - step
            self.clock.round(self.wall)
        trusted = self.clock.time(self.wall)
        return None if trusted is None else self.wall - trusted


def test_a_clock_that_all_agree_with_is_trusted_once_they_were_heard() -> None:
    machine = Machine(last_sign=NOW - 60)
    assert machine.run(HEARD_SECONDS - 1) is None
    machine.clock.witness("broker", -0.2)
    machine.clock.witness("workers", 1.5)
    assert machine.run(1) == pytest.approx(0.2)
    assert machine.clock.notice == ""
    assert machine.clock.noted() is None


def test_a_clock_that_goes_ahead_at_once_deletes_nothing_for_hours() -> None:
    machine = Machine(last_sign=NOW - 60)
    assert machine.run(HOUR) == 0
    machine.wall += 400 * DAY
    assert machine.run(10) is None
    assert "this machine's clock jumped ahead by 400 days" in machine.clock.notice
    assert machine.run(HELD_SECONDS - 60) is None
    assert machine.run(120) == 0
    assert machine.clock.notice == ""


def test_a_clock_that_is_set_back_is_right_again() -> None:
    machine = Machine(last_sign=NOW - 60)
    machine.run(HOUR)
    machine.wall += 400 * DAY
    assert machine.run(100) is None
    machine.wall -= 400 * DAY
    assert machine.run(10) == 0
    machine.wall -= 400 * DAY  # behind: what is by it, goes later
    assert machine.run(10) == 0
    assert machine.clock.notice == ""


def test_many_small_steps_are_a_jump_too() -> None:
    machine = Machine(days=1)
    machine.run(HOUR)
    for _ in range(10):
        machine.wall += 0.3 * HOUR
        machine.run(10)
    assert "jumped ahead" in machine.clock.notice


@pytest.mark.parametrize(("pause", "held"), [(2 * DAY, False), (4 * DAY, True), (400 * DAY, True)])
def test_a_long_pause_holds_back_what_a_tenth_of_the_retention_makes_old(pause: float, held: bool) -> None:
    machine = Machine(days=30, last_sign=NOW - pause)
    assert (machine.run(HOUR) is None) == held
    assert ("no recorder ran for" in machine.clock.notice) == held


def test_what_is_left_of_a_hold_is_known_to_the_next_run() -> None:
    """Not by the pauses between runs, which are what the wrong clock lengthens."""
    noted, last_sign, at = None, NOW - 400 * DAY, NOW
    for _ in range(4):
        machine = Machine(last_sign=last_sign, noted=noted, at=at)
        assert machine.run(1.9 * HOUR) is None
        noted, last_sign, at = machine.clock.noted(), machine.wall, machine.wall + 300 * DAY
        assert noted is not None
    machine = Machine(last_sign=last_sign, noted=noted, at=at)
    assert machine.run(0.5 * HOUR) == 0
    assert machine.clock.noted() is None


def test_a_machine_that_sleeps_does_not_work_off_a_hold() -> None:
    machine = Machine(last_sign=NOW - 400 * DAY)
    machine.run(10)
    machine.steady, machine.wall = machine.steady + 2 * DAY, machine.wall + 2 * DAY
    assert machine.run(10) is None
    machine = Machine(last_sign=NOW - 60)
    machine.run(HOUR)
    machine.steady, machine.wall = machine.steady + 40 * DAY, machine.wall + 40 * DAY
    assert machine.run(10) is None
    assert "suspended for 40 days" in machine.clock.notice


@pytest.mark.parametrize("who", ["broker", "workers"])
def test_what_is_old_goes_by_the_earliest_clock(who: str) -> None:
    machine = Machine()
    machine.run(HOUR)
    machine.clock.witness(who, -400 * DAY)
    machine.clock.witness("another", 400 * DAY)
    assert machine.run(10) == pytest.approx(400 * DAY)
    assert "400 days ahead of the broker's or the workers'" in machine.clock.notice
    assert machine.run(HOUR) == 0  # nobody says so any more


def test_nothing_is_told_where_nothing_goes_for_its_age() -> None:
    machine = Machine(days=0, last_sign=NOW - 400 * DAY)
    assert machine.run(HOUR) is None
    assert machine.clock.notice == ""
