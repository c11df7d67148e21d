"""Messages that deskq wrote, decoded on trial as a worker does it, by kombu's and Celery's own code; never a pickle.

A worker acknowledges and drops what it cannot decode (celery/worker/consumer, on_decode_error): that is found before.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from deskq.protocol.message import RawMessage

_ACCEPTED: Final = frozenset({"application/json", "application/x-yaml", "application/x-msgpack"})
_LONGEST: Final = 300


def undecodable(message: RawMessage) -> str:
    """Return why no worker could run it, as a sentence, "" if one could.

    Only for bodies that deskq wrote: kombu decompresses without a limit.
    """
    from celery.worker.request import Request  # with the first message that needs it: Celery takes its time
    from kombu.message import Message

    received = Message(
        body=message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers),
        properties=dict(message.properties),
        accept=_ACCEPTED,
    )
    try:
        if received.errors:
            received._reraise_error()
        args, kwargs, embed = received.decode()
        if not (isinstance(args, list | tuple) and isinstance(kwargs, dict) and isinstance(embed, dict)):
            return _sentence("the body is not a list of arguments, keyword arguments and callbacks")
        Request(received, app=_app(), task=_task(), headers=received.headers, decoded=False, utc=True)
    except Exception as error:  # noqa: BLE001 - each codec raises its own, and a worker drops it for any of them
        return _sentence(f"{type(error).__name__}: {error}")
    return ""


def _sentence(reason: str) -> str:
    return f"Not sent: no worker could decode the message ({reason[:_LONGEST]})."


@cache
def _app() -> Any:
    import celery

    return celery.Celery("deskq-decoding", set_as_current=False, broker="memory://", changes={})


@cache
def _task() -> Any:
    def run() -> None:
        """Never called: a request only asks it whether its result is kept."""

    return _app().task(name="deskq.decoding", shared=False)(run)
