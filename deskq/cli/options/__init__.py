"""What each command takes, as classes of typed fields: the parser is made of them, and makes them."""

from __future__ import annotations
