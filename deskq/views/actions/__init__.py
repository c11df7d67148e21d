"""Dialogs that preview and carry out changes."""

from __future__ import annotations
