"""Bodies of events that ``event_serializer`` makes other than JSON: MessagePack and YAML, as kombu writes them.

Pickle is never read. A YAML document may name no Python types, refer to no other part of itself (a few lines would
grow without a bound), and be no larger or deeper than events are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

MOST_YAML: Final = 1024 * 1024
"""Bytes: PyYAML takes a second for so many; a list of Celery's events has some ten thousand."""
_DEEPEST: Final = 64


def from_yaml(body: bytes) -> Any:
    """Return the values of a YAML document: numbers, texts, lists, tables. Raises ValueError."""
    import yaml  # few events need it

    parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast
    if len(body) > MOST_YAML:
        raise ValueError(f"YAML of more than {MOST_YAML} bytes")
    try:
        depth = 0
        for event in yaml.parse(body, Loader=parser):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("YAML that refers to a part of itself")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise ValueError(f"YAML that is deeper than {_DEEPEST}")
        return yaml.load(body, Loader=parser)
    except (yaml.YAMLError, OverflowError, RecursionError, AttributeError, TypeError, LookupError) as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from None


def from_msgpack(body: bytes) -> Any:
    """Return the values of a MessagePack document. Raises ValueError."""
    try:
        return msgspec.msgpack.decode(body)
    except (msgspec.MsgspecError, RecursionError, OverflowError) as error:
        raise ValueError(f"not MessagePack: {error}") from None


OTHERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "application/x-msgpack": from_msgpack,
    "application/x-yaml": from_yaml,
}
