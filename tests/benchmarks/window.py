"""The real window in a process of its own, without a screen, that measures itself and prints what it saw as JSON.

``python -m tests.benchmarks.window SCENARIO URL --history PATH [--seconds 30]``; scenarios are the functions below.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import qasync
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from deskq.app import App
from deskq.profiles import Profile
from deskq.schedules.model import Entry
from deskq.schedules.opening import open_store
from deskq.services.background.gc_tuning import GuiThreadCollector
from deskq.services.session import ProfileSession
from deskq.startup import SWITCH_SECONDS
from deskq.views.widgets import theme, window_state
from tests.benchmarks.figures import quantile
from tests.gui.conftest import until

Result = dict[str, float]
Scenario = Callable[[App, ProfileSession, float], Awaitable[Result]]
PROBE_MS: Final = 4
_ROOT: Final = Path(__file__).resolve().parents[2]


class LoopGaps(QObject):
    """How long the loop was away between two turns, in ms, beyond the probe's own interval.

    "own" is the CPU time of the GUI thread meanwhile: what is left of a gap is the machine's other work, or the GIL.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self.own: list[float] = []
        self._last = self._used = 0.0
        self._timer = QTimer(self, interval=PROBE_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._turn)

    def start(self) -> None:
        self._last, self._used = time.perf_counter(), time.thread_time()
        self._timer.start()

    def stop(self, name: str = "gap") -> Result:
        self._timer.stop()
        return {
            f"{name} median": quantile(self.gaps, 0.5),
            f"{name} p99": quantile(self.gaps, 0.99),
            f"{name} max": max(self.gaps, default=0.0),
            f"{name} own p99": quantile(self.own, 0.99),
            f"{name} own max": max(self.own, default=0.0),
        }

    def _turn(self) -> None:
        now, used = time.perf_counter(), time.thread_time()
        self.gaps.append((now - self._last) * 1_000 - PROBE_MS)
        self.own.append((used - self._used) * 1_000)
        self._last, self._used = now, used


class Paints(QObject):
    """Calls ``painted`` in the turn of the loop after a widget was painted: then it is on the screen."""

    def __init__(self, widget: QWidget, painted: Callable[[], None]) -> None:
        super().__init__(widget)
        self._painted = painted
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self._painted)
        return False


def _in_sight(table: Any) -> tuple[int, int]:
    """The rows that the table shows, the last one exclusive."""
    first = table.rowAt(0)
    last = table.rowAt(table.viewport().height() - 1)
    count = table.model().rowCount()
    return max(first, 0), count if last < 0 else last + 1


def _all_read(view: Any) -> bool:
    first, last = _in_sight(view.table)
    return last > first and all(view.model.task_at(row) is not None for row in range(first, last))


async def _painted(view: Any, shown: Callable[[], bool], timeout: float = 60) -> float:
    """Milliseconds until the table has been painted with what is awaited."""
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def painted() -> None:
        if not done.done() and shown():
            done.set_result(time.perf_counter())

    began = time.perf_counter()
    paints = Paints(view.table.viewport(), painted)
    try:
        return (await asyncio.wait_for(done, timeout) - began) * 1_000
    finally:
        paints.deleteLater()


async def delay(app: App, session: ProfileSession, seconds: float) -> Result:
    """From the time that a worker wrote into task-received until the task's row is painted."""
    view: Any = app.window.show_view(session.profile.name, "tasks")
    delays: list[float] = []
    seen: set[int] = set()
    since = time.time()

    def painted() -> None:
        now = time.time()
        first, last = _in_sight(view.table)
        for row in range(first, last):
            task = view.model.task_at(row)
            if task is not None and task.id not in seen:
                seen.add(task.id)
                if task.received is not None and task.received > since + 2:
                    delays.append((now - task.received) * 1_000)

    Paints(view.table.viewport(), painted)
    await asyncio.sleep(seconds)
    return {"rows": len(delays), "delay median": quantile(delays, 0.5), "delay p99": quantile(delays, 0.99)}


async def stalls(app: App, session: ProfileSession, seconds: float) -> Result:
    """Views are switched twice a second and scrolled all the while; how long the loop is away."""
    return await _switch(app, session, seconds, ("tasks", "overview", "workers", "tasks", "queues"))


async def many(app: App, session: ProfileSession, seconds: float) -> Result:
    """The same with the views that grow with queues and workers, once all of these are known."""
    found = {"queues": 0.0, "workers": 0.0}

    async def grown() -> bool:
        sizes = await session.ask(lambda reader: (len(reader.queues()), len(reader.workers())), slot="sizes")
        grew = sizes != (found["queues"], found["workers"])
        found["queues"], found["workers"] = sizes
        return grew or min(sizes) == 0

    for _ in range(15):
        if not await grown():
            break
        await asyncio.sleep(4)
    return found | await _switch(app, session, seconds, ("queues", "workers", "overview"))


async def _switch(app: App, session: ProfileSession, seconds: float, kinds: Sequence[str]) -> Result:
    window, name = app.window, session.profile.name
    for kind in kinds:  # made now: what making a view costs is measured by `first`
        window.show_view(name, kind)
        await asyncio.sleep(0.5)
    results: Result = {}
    probe = LoopGaps()
    probe.start()
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        window.show_view(name, kinds[turn % len(kinds)])
        turn += 1
        for _ in range(10):
            table = getattr(window.view(), "table", None)
            if table is not None:
                bar = table.verticalScrollBar()
                bar.setValue(random.choice((0, 0, bar.value() + bar.singleStep() * 3, bar.value() + bar.pageStep())))
            await asyncio.sleep(0.05)
    results |= probe.stop()
    return results


async def browse(app: App, session: ProfileSession, seconds: float) -> Result:
    """A long history: first paint, scrolling to places never seen, a filter with an index, free text."""
    name = session.profile.name
    app.window.show_view(name, "overview")
    await session.ask(lambda reader: reader.revision(), slot="open")
    await asyncio.sleep(1)
    probe = LoopGaps()
    probe.start()
    began = time.perf_counter()
    view: Any = app.window.show_view(name, "tasks")
    await _painted(view, lambda: _all_read(view))
    results: Result = {"first": (time.perf_counter() - began) * 1_000}
    whole = time.perf_counter()
    await until(lambda: view.model.rowCount() > 200, 60)
    results["ids"] = (time.perf_counter() - whole) * 1_000
    results["rows"] = view.model.rowCount()
    await asyncio.sleep(1)
    results |= probe.stop("opening gap")
    probe = LoopGaps()
    probe.start()
    times: list[float] = []
    bar = view.table.verticalScrollBar()
    for _ in range(100):
        waiting = asyncio.ensure_future(_painted(view, lambda: _all_read(view)))
        await asyncio.sleep(0)
        bar.setValue(random.randrange(bar.maximum()))
        times.append(await waiting)
    results["scroll median"], results["scroll p95"] = quantile(times, 0.5), quantile(times, 0.95)
    for key, text in (("filter", "state:FAILURE"), ("text", "anna')"), ("rare text", "zebra")):
        began = time.perf_counter()
        view.set_filter(text)
        await _painted(view, lambda: view.model.rowCount() and _all_read(view) and not view.nothing.loading)
        results[key] = (time.perf_counter() - began) * 1_000
        await asyncio.sleep(1.5)
        view.set_filter("")
        await asyncio.sleep(2.5)
    results |= probe.stop("browsing gap")
    return results


async def schedules(app: App, session: ProfileSession, seconds: float) -> Result:
    """Many schedules: first paint, all of them, all next runs, an edit, sorting; and the loop's gaps meanwhile."""
    name, loop = session.profile.name, asyncio.get_running_loop()
    with closing(open_store(session.profile.url)) as store:
        expected = len((await loop.run_in_executor(None, store.read)).entries)
        app.window.show_view(name, "overview")
        await asyncio.sleep(1)
        probe = LoopGaps()
        probe.start()
        began = time.perf_counter()
        view: Any = app.window.show_view(name, "schedules")
        results = {"first": await _painted(view, lambda: view.table.isVisible() and view.model.rowCount() > 0)}

        def known() -> bool:
            first, last = _in_sight(view.table)
            return all(view.model.row_at(line).row.looked_at is not None for line in range(first, last))

        await until(lambda: view.model.rowCount() == expected, 60)
        results["all"] = (time.perf_counter() - began) * 1_000
        await until(known, 60)
        results["next"] = (time.perf_counter() - began) * 1_000
        await until(lambda: all(one.row.looked_at is not None for one in view.schedules.rows), 120)
        results["all next"] = (time.perf_counter() - began) * 1_000
        results |= probe.stop("opening gap")
        await asyncio.sleep(1)
        probe = LoopGaps()
        probe.start()
        edits: list[float] = []
        for number in range(5):
            one = view.model.row_at(number)
            new = replace(one.entry, args=[f"edit {number} at {time.time()}"])
            await loop.run_in_executor(None, store.replace, one.entry, new)
            began = time.perf_counter()
            view.schedules.refresh()
            await until(partial(_holds, view, one.place, new), 60)
            edits.append((time.perf_counter() - began) * 1_000)
            await asyncio.sleep(0.3)
        results["edit"], results["slowest edit"] = quantile(edits, 0.5), max(edits)
        results |= probe.stop("edit gap")
        probe = LoopGaps()
        probe.start()
        for key in ("name", "task", "schedule", "next"):
            view.table.sortByColumn([c.key for c in view.table.columns].index(key), Qt.SortOrder.AscendingOrder)
            await asyncio.sleep(1)
        for text in ("entry 77", ""):
            view.line.setText(text)
            await asyncio.sleep(1)
        results |= probe.stop("sorting gap")
        probe = LoopGaps()
        probe.start()
        await asyncio.sleep(seconds)
        return results | probe.stop("watching gap")


def _holds(view: Any, place: Any, new: Entry) -> bool:
    """Does the table show this entry?"""
    row = view.model.row_at(view.model.line_of(place))
    return row is not None and row.entry.args == new.args


SCENARIOS: Final[dict[str, Scenario]] = {
    "delay": delay,
    "stalls": stalls,
    "many": many,
    "browse": browse,
    "schedules": schedules,
}


def measure(scenario: str, url: str, history: Path, seconds: float, while_it_runs: Callable[[], object]) -> Result:
    """Run a scenario in a process of its own; ``while_it_runs`` is called once its recorder is at work."""
    command = [sys.executable, "-m", "tests.benchmarks.window", scenario, url, f"--history={history}"]
    with subprocess.Popen(
        [*command, f"--seconds={seconds}"], cwd=_ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        while_it_runs()
        printed = process.stdout.read()
    result: Result = json.loads(printed.splitlines()[-1])
    return result


async def _main(application: QApplication, chosen: argparse.Namespace) -> Result:
    window_state.save_text("window/kind", "overview")  # nobody has looked at the tasks yet
    app = App(application)
    app.window.show()
    session = app.add(Profile.from_url(chosen.url, name="bench", history=chosen.history))
    await until(lambda: session.status is not None and session.status.state == "recording", 30)
    print("ready", flush=True)
    try:
        return await SCENARIOS[chosen.scenario](app, session, chosen.seconds)
    finally:
        await app.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("url")
    parser.add_argument("--history", required=True)
    parser.add_argument("--seconds", type=float, default=30)
    chosen = parser.parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    application = QApplication(sys.argv[:1])
    application.setStyle("Fusion")
    application.setQuitOnLastWindowClosed(False)
    theme.apply_scheme("light")
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    collector = GuiThreadCollector()
    collector.start()
    result = loop.run_until_complete(_main(application, chosen))
    print(json.dumps(result), flush=True)
    loop.close()
    collector.stop()


if __name__ == "__main__":
    main()
