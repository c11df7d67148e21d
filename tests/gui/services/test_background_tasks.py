"""Tasks have one owner that starts, hears and ends them; nobody starts one in another way."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import shiboken6
from PySide6.QtCore import QObject

import deskq
from deskq.errors import UserError
from deskq.services.background.background_tasks import BackgroundTasks
from tests.gui.conftest import Run, until

PACKAGE = Path(deskq.__file__).parent
STARTS = {"create_task", "ensure_future", "TaskGroup", "run_coroutine_threadsafe"}


def test_nobody_else_starts_tasks() -> None:
    starting = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "") in STARTS
    }
    assert starting == {"services/background/background_tasks.py"}


def test_a_sentence_for_people_goes_to_the_sink(run: Run) -> None:
    async def fail() -> None:
        raise UserError("The disk is full.")

    async def scenario() -> None:
        said: list[str] = []
        tasks = BackgroundTasks(said.append)
        tasks.start(fail(), "write")
        await until(lambda: said)
        assert said == ["The disk is full."]
        assert not tasks.running()

    run(scenario())


def test_what_else_is_raised_reaches_the_loop(run: Run) -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        heard: list[tuple[str, str]] = []
        before = loop.get_exception_handler()
        loop.set_exception_handler(lambda _, context: heard.append((context["message"], repr(context["exception"]))))
        said: list[str] = []
        tasks = BackgroundTasks(said.append)
        tasks.start(fail(ValueError("no")), "count")
        BackgroundTasks().start(fail(UserError("Nobody hears this.")), "without a sink")
        await until(lambda: len(heard) == 2)
        loop.set_exception_handler(before)
        assert heard == [("count", "ValueError('no')"), ("without a sink", "UserError('Nobody hears this.')")]
        assert said == []

    run(scenario())


def test_a_task_ends_with_its_owner(run: Run) -> None:
    async def scenario() -> None:
        tasks_of, owner, other = BackgroundTasks(owner=(whole := QObject())), QObject(), asyncio.Event()
        tasks_of.start(other.wait(), "of all")
        tasks_of.start(other.wait(), "of one", owner=owner)
        free = BackgroundTasks()
        free.start(other.wait(), "of nobody")
        shiboken6.delete(owner)
        await until(lambda: not tasks_of.running("of one"))
        assert tasks_of.running("of all")
        shiboken6.delete(whole)
        await until(lambda: not tasks_of.running())
        assert free.running("of nobody")
        other.set()
        await free.wait()
        assert not free.running()

    run(scenario())


def test_what_is_done_when_all_or_one_has_ended(run: Run) -> None:
    async def scenario() -> None:
        tasks, told = BackgroundTasks(), list[str]()

        def saved() -> None:
            told.append("saved")

        tasks.when_ended(lambda: told.append("nothing ran"))
        assert told == ["nothing ran"]
        save, load = asyncio.Event(), asyncio.Event()
        tasks.start(save.wait(), "save")
        tasks.start(load.wait(), "load")
        tasks.when_ended(saved, "save")
        tasks.when_ended(saved, "save")
        tasks.when_ended(lambda: told.append("over"))
        save.set()
        await until(lambda: not tasks.running("save"))
        await asyncio.sleep(0)
        assert told == ["nothing ran", "saved"]
        load.set()
        await until(lambda: "over" in told)
        assert told == ["nothing ran", "saved", "over"]

    run(scenario())


def test_a_deadline_ends_the_waiting_and_not_the_work(run: Run) -> None:
    async def scenario() -> None:
        tasks, go_on = BackgroundTasks(), asyncio.Event()
        tasks.start(go_on.wait(), "slow")
        await tasks.wait(0.01)
        assert tasks.running("slow")
        tasks.close()
        await tasks.wait()
        assert not tasks.running()
        tasks.start(go_on.wait(), "too late")
        assert not tasks.running()

    run(scenario())


def test_work_that_is_finished_though_nobody_waits_any_more(run: Run) -> None:
    async def scenario() -> None:
        tasks, begun, go_on, done = BackgroundTasks(), asyncio.Event(), asyncio.Event(), list[str]()

        async def work() -> None:
            begun.set()
            await go_on.wait()
            done.append("all")

        waiting = BackgroundTasks()
        waiting.start(tasks.finish(work(), "end"), "wait")
        await begun.wait()
        waiting.cancel()
        await waiting.wait()
        assert tasks.running("end")
        go_on.set()
        await tasks.wait()
        assert done == ["all"]

    run(scenario())
