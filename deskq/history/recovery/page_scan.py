"""Reading SQLite's pages without SQLite: every record that still can be decoded, whatever has become of the tree.

The file format: https://sqlite.org/fileformat2.html. deskq's pages are 4,096 bytes, SQLite's default, text is UTF-8.
Records of pages that were freed are found as well: merging makes old versions of a task harmless.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple, Self

PAGE: Final = 4_096
LONGEST_RECORD: Final = 64_000_000
_FILE_HEADER: Final = 100
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_LEAF_OF_TABLE: Final = 0x0D
_LEAF_OF_INDEX: Final = 0x0A
_INNER_OF_INDEX: Final = 0x02
_LOCAL_OF_TABLE: Final = PAGE - 35
_LOCAL_OF_INDEX: Final = (PAGE - 12) * 64 // 255 - 23
_LEAST_LOCAL: Final = (PAGE - 12) * 32 // 255 - 23
_SIZES: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_REAL: Final = 7
_NEIGHBOURS: Final = 100_000
"""How far apart the rowids of two rows that follow each other may be: what lay between was deleted."""
_real = struct.Struct(">d").unpack


class UnreadablePage(ValueError):
    """These bytes are no record."""


class Cell(NamedTuple):
    """Where a record stands. ``row``: the rowid of a table's row, None in an index or a table WITHOUT ROWID."""

    page: int
    at: int
    row: int | None


class PageReader:
    """The pages of a file as its WAL leaves them, with or without a sound header. Read-only.

    What the disk cannot read, and what the file lacks, is zero.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._wal: BinaryIO | None = None
        try:
            size = path.stat().st_size
            wal = path.with_name(path.name + "-wal")
            if wal.exists():
                self._wal = wal.open("rb")
            self._changed = _wal_pages(self._wal, -(-size // PAGE)) if self._wal is not None else {}
        except BaseException:
            self.close()
            raise
        self.count = max([-(-size // PAGE), *self._changed])
        self._last = (0, b"")

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._wal is not None:
            self._wal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def page(self, number: int) -> bytes:
        """Return a page, counted from 1."""
        known, page = self._last
        if number != known:
            at = self._changed.get(number)
            file = self._file if at is None or self._wal is None else self._wal
            try:
                file.seek((number - 1) * PAGE if at is None else at)
                page = file.read(PAGE).ljust(PAGE, b"\0")
            except OSError:
                page = b"\0" * PAGE
            self._last = (number, page)
        return page

    def cells(self, number: int) -> list[Cell]:
        """Return where records seem to stand in a page."""
        page = self.page(number)
        begin = _FILE_HEADER if number == 1 else 0
        kind = page[begin]
        if kind not in (_LEAF_OF_TABLE, _LEAF_OF_INDEX, _INNER_OF_INDEX):
            return []
        array = begin + (12 if kind == _INNER_OF_INDEX else 8)
        count = min(int.from_bytes(page[begin + 3 : begin + 5], "big"), (PAGE - array) // 2)
        found: list[Cell] = []
        for place in struct.unpack_from(f">{count}H", page, array):
            if not array <= place < PAGE - 3:
                continue
            if kind == _LEAF_OF_TABLE:
                try:
                    _, at = _varint(page, place)
                    row, _ = _varint(page, at)
                except IndexError:
                    continue
                found.append(Cell(number, place, row))
            else:
                found.append(Cell(number, place + 4 if kind == _INNER_OF_INDEX else place, None))
        return found

    def newest_row(self, columns: int) -> int:
        """Return the greatest rowid of a table with so many columns, 0 if no page of it is found.

        One that stands alone in its page, or far above its neighbour, is not believed: it may be damage.
        """
        newest = 0
        for number in range(2, self.count + 1):
            page = self.page(number)
            count = int.from_bytes(page[3:5], "big")
            if page[0] != _LEAF_OF_TABLE or not 2 <= count <= (PAGE - 8) // 2:
                continue
            rows = [self._row(page, place, columns) for place in struct.unpack_from(">2H", page, 4 + 2 * count)]
            if 0 < rows[0] < rows[1] <= rows[0] + _NEIGHBOURS:
                newest = max(newest, rows[1])
        return newest

    def _row(self, page: bytes, place: int, columns: int) -> int:
        """The rowid of a cell if its record can have so many columns, else 0."""
        try:
            _, at = _varint(page, place)
            row, at = _varint(page, at)
            size, _ = _varint(page, at)
        except IndexError:
            return 0
        return row if columns < size <= 9 * columns else 0

    def types(self, cell: Cell) -> list[int]:
        """Return the serial types of the columns of a cell's record, none if it is no record."""
        page = self.page(cell.page)
        try:
            _, at = _varint(page, cell.at)
            if cell.row is not None:
                _, at = _varint(page, at)
            return _types(page, at)[0]
        except (IndexError, UnreadablePage):
            return []

    def values(self, cell: Cell) -> list[Any]:
        """Return the columns of a cell's record; raises Unreadable. An INTEGER PRIMARY KEY is None in it."""
        page = self.page(cell.page)
        try:
            size, at = _varint(page, cell.at)
            if cell.row is not None:
                _, at = _varint(page, at)
            return _values(self._payload(page, at, size, cell.row is not None))
        except IndexError:
            raise UnreadablePage("it ends too early") from None

    def _payload(self, page: bytes, at: int, size: int, of_table: bool) -> bytes:
        if not 0 < size <= LONGEST_RECORD:
            raise UnreadablePage("its size is absurd")
        most = _LOCAL_OF_TABLE if of_table else _LOCAL_OF_INDEX
        if size <= most:
            return page[at : at + size]
        local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE - 4)
        if local > most:
            local = _LEAST_LOCAL
        parts = [page[at : at + local]]
        left = size - local
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        while left > 0:
            if not 0 < following <= self.count:
                raise UnreadablePage("its overflow is lost")
            more = self.page(following)
            following = int.from_bytes(more[:4], "big")
            parts.append(more[4 : 4 + left])
            left -= PAGE - 4
        return b"".join(parts)


def _wal_pages(file: BinaryIO, before: int) -> dict[int, int]:
    """Where the newest version of each page stands in a WAL; frames of an earlier round have another salt.

    ``before``: pages of the file without it. It adds no more than it has frames: a greater number is damage.
    """
    pages: dict[int, int] = {}
    at = _WAL_HEADER
    salt = file.read(_WAL_HEADER)[16:24]
    size = file.seek(0, os.SEEK_END)
    while at + _FRAME_HEADER + PAGE <= size:
        file.seek(at)
        frame = file.read(_FRAME_HEADER)
        if frame[8:16] != salt:
            break
        number = int.from_bytes(frame[:4], "big")
        if 0 < number <= before + size // PAGE:
            pages[number] = at + _FRAME_HEADER
        at += _FRAME_HEADER + PAGE
    return pages


def _varint(page: bytes, at: int) -> tuple[int, int]:
    byte = page[at]
    if byte < 0x80:
        return byte, at + 1
    value = byte & 0x7F
    for place in range(at + 1, at + 8):
        byte = page[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    value = value << 8 | page[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9


def _types(record: bytes, at: int) -> tuple[list[int], int]:
    """The serial types of a record that begins at a place, and where its body begins."""
    size, place = _varint(record, at)
    end = at + size
    if not place <= end <= len(record) or size > 1_000:
        raise UnreadablePage("its header is absurd")
    types: list[int] = []
    while place < end:
        kind = record[place]
        if kind < 0x80:
            place += 1
        else:
            kind, place = _varint(record, place)
        types.append(kind)
    if place != end:
        raise UnreadablePage("its header is cut")
    return types, end


def _values(record: bytes) -> list[Any]:
    types, at = _types(record, 0)
    values: list[Any] = []
    for kind in types:
        if kind == 0:
            values.append(None)
        elif kind >= 12:
            end = at + (kind - 12 >> 1)
            part = record[at:end]
            if end > len(record):
                raise UnreadablePage("it is cut")
            values.append(part.decode("utf-8", "replace") if kind & 1 else part)
            at = end
        elif kind < 10:
            end = at + _SIZES[kind]
            if end > len(record):
                raise UnreadablePage("it is cut")
            if kind == _REAL:
                values.append(_real(record[at:end])[0])
            else:
                values.append(kind - 8 if kind >= 8 else int.from_bytes(record[at:end], "big", signed=True))
            at = end
        else:
            raise UnreadablePage("there is no such type")
    if at != len(record):
        raise UnreadablePage("it is too long")
    return values
