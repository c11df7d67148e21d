"""What the headless demo prints of its history."""

from __future__ import annotations

from deskq.history.reading.reader import HistoryReader


def read_summary(reader: HistoryReader) -> dict[str, object]:
    """Return counts of tasks, events and gaps, the depth of each queue, and which workers are online."""
    return {
        "tasks": reader.counts().by_state,
        "events": reader.status().events,
        "gaps": len(reader.gaps()),
        "queues": {queue.name: queue.ready for queue in reader.queues()},
        "workers": {worker.hostname: worker.presence for worker in reader.workers()},
    }
