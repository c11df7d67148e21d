"""Task messages: what is sent again or anew, with which arguments, and where it goes."""

from __future__ import annotations
