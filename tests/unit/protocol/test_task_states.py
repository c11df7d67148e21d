"""One table of states: each has a word and a group, and what ends a task is what is neither ahead nor under way."""

from __future__ import annotations

from deskq.protocol.task_states import (
    FINAL_STATES,
    GROUP_OF_STATE,
    NOT_STARTED,
    RUNNING,
    STATE_WORDS,
    STATES,
    STATES_OF_GROUP,
)


def test_each_state_has_a_word_and_one_group() -> None:
    assert set(STATE_WORDS) == set(STATES)
    assert sorted(GROUP_OF_STATE) == sorted(STATES)
    assert sorted(state for states in STATES_OF_GROUP.values() for state in states) == sorted(STATES)


def test_what_ends_a_task() -> None:
    assert {"SUCCESS", "FAILURE", "REJECTED", "REVOKED", "LOST", "ENDED", "UNSEEN", "IGNORED"} == FINAL_STATES
    assert {"SENT", "RECEIVED", "RETRY"} == NOT_STARTED
    assert {*FINAL_STATES, *NOT_STARTED, *STATES_OF_GROUP[RUNNING]} == set(STATES)


def test_the_numbers_that_histories_know_stay() -> None:
    """A history holds numbers: whatever is inserted between two states would rename all behind it."""
    known = ("SENT", "RECEIVED", "STARTED", "SUCCESS", "FAILURE", "RETRY", "REJECTED", "REVOKED")
    assert STATES[:12] == (*known, "LOST", "ENDED", "UNSEEN", "IGNORED")
