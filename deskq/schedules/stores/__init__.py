"""Where beat keeps its entries: one package for each kind of store."""

from __future__ import annotations
