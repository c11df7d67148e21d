"""What each command takes, as dataclasses: the parser is made of them, and makes them."""

from __future__ import annotations
