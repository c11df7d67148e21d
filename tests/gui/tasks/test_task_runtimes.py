"""The overview's tables, of one broker and of several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.history.rows import QueueRow
from deskq.views.overview.view import OverviewView
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import NOW, opened


def test_runtimes_by_task_in_the_overview(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.add(20, name="mail.send")
        recorded.add(5, name="shop.report")
        session = recorded.session()
        view = OverviewView([session])
        asked: list[str] = []
        view.requested.connect(lambda request: asked.append(request.text))
        view.resize(1_000, 700)
        view.show()
        runtimes = view.task_runtimes
        await until(lambda: runtimes.model.rowCount() == 2)
        counts = {runtimes.model.index(row, 0).data(): runtimes.model.index(row, 1).data() for row in range(2)}
        assert counts == {"mail.send": "20", "shop.report": "5"}
        runtimes.table.selectRow(0)
        runtimes.table.activated.emit(runtimes.model.index(0, 0))
        (text,) = asked
        assert text.startswith(f"state:SUCCESS task:{runtimes.model.index(0, 0).data()} ended:>=")
        view.close()
        view.deleteLater()
        await session.stop()

    run(scenario())


def test_all_brokers_names_the_broker_of_everything(tmp_path: Path, run: Run, qapp: QApplication) -> None:
    """The same task and the same queue at two of them: two rows, two lines, and each leads to its own broker."""

    async def scenario() -> None:
        shop, staging = Recorded(tmp_path, "shop"), Recorded(tmp_path, "staging")
        async with opened(qapp) as app:
            for recorded, count in ((shop, 20), (staging, 5)):
                recorded.add(count, name="mail.send")
                recorded.add(1, state="failed", name="mail.send")
                queue = QueueRow("emails", count, 1, 0, None, None, None, None, NOW, False, (count,))
                recorded.history.put_queues([queue], [])
                app.add(recorded.profile)
            app.window.show()
            overview: Any = app.window.show_overall("everything")
            await until(lambda: len(overview._facts) == 2 and overview.failures.rowCount() == 2, what="both answers")

            def rows(model: Any, *columns: int) -> list[tuple[str, ...]]:
                return sorted(
                    tuple(model.index(row, column).data() for column in columns) for row in range(model.rowCount())
                )

            assert rows(overview.failures, 0, 1, 3) == [("mail.send", "shop", "1"), ("mail.send", "staging", "1")]
            runtimes = overview.task_runtimes
            assert rows(runtimes.model, 0, 1, 2) == [("mail.send", "shop", "20"), ("mail.send", "staging", "5")]
            for chart, names in (
                (overview.throughput, {"succeeded (shop)", "succeeded (staging)"}),
                (overview.failing, {"failed (shop)", "failed (staging)"}),
                (overview.runtimes, {"p90 (shop)", "p90 (staging)"}),
                (overview.depths, {"emails (shop)", "emails (staging)"}),
            ):
                assert {series.name for series in chart._series} == names
                assert len({series.colour for series in chart._series}) == 2
            assert overview.numbers[4].text() == "Longest queue: emails (shop) 20"
            line = next(row for row in range(2) if runtimes.model.index(row, 1).data() == "staging")
            runtimes.table.selectRow(line)
            runtimes.table.activated.emit(runtimes.model.index(line, 0))
            tasks: Any = app.window.view()
            assert app.window.session() is app.sessions["staging"]
            assert tasks.filter_bar.line.text().startswith("state:SUCCESS task:mail.send ended:>=")
            app.window.show_overall("everything").numbers[4].click()  # type: ignore[attr-defined]
            assert app.window.session() is app.sessions["shop"]
            assert app.window.view() is app.window.show_view("shop", "queues")
        shop.history.close()
        staging.history.close()

    run(scenario())
