"""Bodies that kombu compressed (``task_compression``): read within a limit, and written by the same method.

Its header ``compression`` names the method by its content type (kombu/compression.py). kombu itself sets no limit.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Final

HEADER: Final = "compression"
_ZLIB: Final = (zlib.compress, zlib.decompressobj)  # zlib's format, whatever it is called
_BZIP2: Final = (bz2.compress, bz2.BZ2Decompressor)
_LZMA: Final = (lzma.compress, lzma.LZMADecompressor)
_METHODS: Final[dict[str, tuple[Callable[[bytes], bytes], Callable[[], Any]]]] = {
    **dict.fromkeys(("application/x-gzip", "gzip", "zlib"), _ZLIB),
    **dict.fromkeys(("application/x-bz2", "bzip2", "bzip"), _BZIP2),
    **dict.fromkeys(("application/x-lzma", "lzma", "xz"), _LZMA),
}


def known(method: object) -> bool:
    """Can deskq read and write bodies by this method?"""
    return isinstance(method, str) and method in _METHODS


def decompressed(body: bytes, method: object, most: int) -> bytes | None:
    """Return a body as it was before; None where it is damaged, larger than ``most``, or by another method."""
    ways = _METHODS.get(method) if isinstance(method, str) else None
    if ways is None:
        return None
    reader = ways[1]()
    try:
        plain: bytes = reader.decompress(body, most + 1)
    except (zlib.error, OSError, lzma.LZMAError, ValueError, EOFError):
        return None
    return plain if reader.eof and len(plain) <= most else None


def compressed(body: bytes, method: object) -> bytes | None:
    """Return a body by a method, None where deskq does not know it."""
    ways = _METHODS.get(method) if isinstance(method, str) else None
    return ways[0](body) if ways is not None else None
