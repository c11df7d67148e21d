"""Names, queues, workers and states by the numbers that stand for them in the history's rows."""

from __future__ import annotations

from typing import Final

import apsw

from deskq.protocol.task_states import STATES

CACHED_TEXTS: Final = 200_000
LONGEST_CACHED: Final = 1_000
"""Characters; a longer text is looked up each time."""


class StringIds(dict[str, int | None]):
    """The number of each text; None stands for "". One that is new is written when it is first asked for.

    A plain look-up of what is known costs no call of Python's, and a task's row asks for six.
    ``cleared`` counts how often it forgot which texts it wrote.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._written: list[str] = []
        self.cleared = 0
        self[""] = None
        for string_id, text in connection.execute("SELECT id, text FROM texts WHERE id <= ?", (len(STATES),)):
            self[text] = string_id

    def __missing__(self, text: str) -> int | None:
        if len(self) > CACHED_TEXTS:  # a hostile stream of ever new names must not grow memory
            self.clear()
            self[""] = None
            self.cleared += 1
        self._connection.execute("INSERT OR IGNORE INTO texts (text) VALUES (?)", (text,))
        string_id = int(self._connection.execute("SELECT id FROM texts WHERE text = ?", (text,)).get)
        if len(text) <= LONGEST_CACHED:
            self[text] = string_id
            self._written.append(text)
        return string_id

    def committed(self) -> None:
        """What was written is in the file."""
        self._written.clear()

    def rolled_back(self) -> None:
        """What was written since ``committed`` is not in the file after all."""
        for text in self._written:
            self.pop(text, None)
        self._written.clear()

    def forget(self) -> None:
        """Know the states alone, so that ``in_use`` returns what is written from now on."""
        known = {text: string_id for text, string_id in self.items() if string_id is None or string_id <= len(STATES)}
        self.clear()
        self.update(known)

    def in_use(self) -> set[int]:
        """Return the numbers of what is known: they must stay."""
        return {string_id for string_id in self.values() if string_id is not None}
