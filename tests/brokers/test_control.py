"""Workers that are told and tasks that are revoked: on Redis and RabbitMQ, with each answer, and the way back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from deskq.actions.executor import PlanExecutor, Progress
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.journal.pauses import pauses
from deskq.actions.plan import Plan, Step
from deskq.actions.runners import runner_for
from deskq.actions.safety import Confirmation, Forbidden
from deskq.actions.undo import undo_plan
from deskq.actions.workers.control import ControlRunner, plan_control, plan_pause
from deskq.actions.workers.revoke import plan_revoke, plan_revoke_stamped
from deskq.actions.workers.verbs import VERBS, read_arguments
from deskq.brokers.remote_control import RemoteControl
from deskq.cli import main
from deskq.errors import UserError
from deskq.profiles import Profile, Safety
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until

QUEUES = ("celery", "second")


@dataclass
class Site:
    """A broker with two workers that nobody else uses."""

    profile: Profile
    worker: CeleryWorker
    other: CeleryWorker

    def ask(self, method: str, **arguments: Any) -> Any:
        """What the worker says of itself."""
        with closing(RemoteControl(self.profile)) as remote:
            name = self.worker.hostname
            return remote.inspect(method, destination=[name], timeout=80, limit=1, arguments=arguments)[name]

    def queues(self) -> set[str]:
        return {queue["name"] for queue in self.ask("active_queues")}

    def rate_limit(self) -> str:
        lines = self.ask("registered", taskinfoitems=["rate_limit"])
        return str(next(line for line in lines if line.startswith("sample.add")))


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    config = {"worker_pool_restarts": True}
    management = None
    with contextlib.ExitStack() as stack:
        if request.param == "redis":
            server: RedisServer = request.getfixturevalue("redis_server")
            url = stack.enter_context(server.database())
        else:
            rabbit: RabbitServer = request.getfixturevalue("rabbit_server")
            url = stack.enter_context(rabbit.vhost("steered"))
            management = rabbit.management_url
        worker = stack.enter_context(CeleryWorker(url, queues=QUEUES, config=config))
        other = stack.enter_context(CeleryWorker(url, queues=("celery",), events=False, extra=("--autoscale=3,1",)))
        yield Site(Profile.from_url(url, name="shop", management_url=management), worker, other)


def carried(site: Site, plan: Plan[Step]) -> tuple[Progress, list[ItemRow]]:
    """Carry it out; how it ended, and each item."""
    with closing(Journal()) as journal:
        result = PlanExecutor(plan, site.profile, journal, runner_of_any(plan, site)).run(Confirmation(plan.id))
        return result, journal.items(plan.id)


def runner_of_any(plan: Plan[Step], site: Site) -> Any:
    return runner_for(plan, site.profile) if plan.undoes else ControlRunner(site.profile)


def told(site: Site, name: str, given: Mapping[str, str], workers: list[str] | None = None) -> list[ItemRow]:
    verb = VERBS[name]
    plan = plan_control(verb, read_arguments(verb, given), workers or [site.worker.hostname], site.profile)
    _, items = carried(site, plan)
    return items


def undone(site: Site, action: str) -> list[ItemRow]:
    with closing(Journal()) as journal:
        plan = undo_plan(journal, action)
    return carried(site, plan)[1]


def test_pool_and_its_way_back(site: Site) -> None:
    def size() -> int:
        return len(site.ask("stats")["pool"]["processes"])

    before = size()
    (grown,) = told(site, "pool-grow", {"n": "2"})
    assert (grown.outcome, grown.words) == ("done", "pool will grow")
    wait_until(lambda: size() == before + 2)
    (shrunk,) = undone(site, grown.action)
    assert shrunk.outcome == "done"
    assert "pool_shrink n=2" in shrunk.command
    wait_until(lambda: size() == before)
    (restarted,) = told(site, "pool-restart", {})
    assert restarted.words == "reload started"


def test_refusals_say_what_to_change(site: Site) -> None:
    (grown,) = told(site, "pool-grow", {}, [site.other.hostname])
    assert grown.outcome == "failed"
    assert "change its limits instead" in grown.words
    (scaled,) = told(site, "autoscale", {"max": "4"})
    assert "--autoscale" in scaled.words
    (restarted,) = told(site, "pool-restart", {}, [site.other.hostname])
    assert "worker_pool_restarts" in restarted.words
    (limited,) = told(site, "rate-limit", {"task_name": "no.such", "rate_limit": "1/m"})
    assert "no task of that name" in limited.words


def test_autoscale_and_its_way_back(site: Site) -> None:
    (scaled,) = told(site, "autoscale", {"max": "5", "min": "2"}, [site.other.hostname])
    assert scaled.words == "autoscale now max=5 min=2"
    (back,) = undone(site, scaled.action)
    assert back.words == "autoscale now max=3 min=1"


def test_consumers_and_their_way_back(site: Site) -> None:
    (needless,) = told(site, "add-consumer", {"queue": "second"})
    assert (needless.outcome, needless.words) == ("gone", "The worker already consumes the queue.")
    (added,) = told(site, "add-consumer", {"queue": "third"})
    wait_until(lambda: "third" in site.queues())
    undone(site, added.action)
    wait_until(lambda: site.queues() == set(QUEUES))
    (cancelled,) = told(site, "cancel-consumer", {"queue": "second"})
    wait_until(lambda: site.queues() == {"celery"})
    with closing(Journal()) as journal:
        (item,) = [undo for _, undo in journal.undos(cancelled.action)]
    assert item["arguments"]["exchange"] == "second"  # as it was bound before
    undone(site, cancelled.action)
    wait_until(lambda: site.queues() == set(QUEUES))


def test_limits_and_their_way_back(site: Site) -> None:
    (first,) = told(site, "rate-limit", {"task_name": "sample.add", "rate_limit": "10/m"})
    assert first.words == "new rate limit set successfully"
    (second,) = told(site, "rate-limit", {"task_name": "sample.add", "rate_limit": "1/h"})
    assert "rate_limit=1/h" in site.rate_limit()
    undone(site, second.action)
    assert "rate_limit=10/m" in site.rate_limit()
    undone(site, first.action)
    assert "10/m" not in site.rate_limit()
    (timed,) = told(site, "time-limit", {"task_name": "sample.hard_limit", "soft": "5", "hard": "9.5"})
    assert timed.words == "time limits set successfully"
    (back,) = undone(site, timed.action)
    assert "hard=1.0" in back.command
    assert "soft=None" in back.command


def test_events_and_their_way_back(site: Site) -> None:
    (on,) = told(site, "enable-events", {}, [site.other.hostname])
    assert (on.outcome, on.words) == ("done", "task events enabled")
    (needless,) = told(site, "enable-events", {}, [site.other.hostname])
    assert (needless.outcome, needless.words) == ("gone", "task events already enabled")
    with closing(Journal()) as journal:
        assert not journal.undos(needless.action)
    (off,) = undone(site, on.action)
    assert off.words == "task events disabled"


def test_events_of_a_worker_that_was_started_with_them_stay(site: Site) -> None:
    (off,) = told(site, "disable-events", {})
    assert off.outcome == "failed"
    assert "started with -E" in off.words


def test_a_queue_is_paused_on_all_its_workers_and_resumed(site: Site, tmp_path: Path) -> None:
    note = tmp_path / "note"
    with closing(Journal()) as journal:
        assert pauses(journal, "shop") == []
    plan = plan_pause("second", [site.worker.hostname, site.other.hostname], site.profile)
    result, items = carried(site, plan)
    assert [item.outcome for item in items] == ["done", "gone"]  # the other one never consumed it
    assert result.done == 2
    wait_until(lambda: site.queues() == {"celery"})
    with closing(Journal()) as journal:
        (pause,) = pauses(journal, "shop")
        assert (pause.queue, pause.workers) == ("second", (site.worker.hostname,))
        assert pauses(journal, "another") == []
    with sample_client(site.profile.url) as client:
        client.send_task("sample.note", (str(note),), queue="second")
        client.send_task("sample.add", (1, 2))
    undone(site, plan.id)
    wait_until(note.exists, 20)  # it waited, and runs now
    with closing(Journal()) as journal:
        assert pauses(journal, "shop") == []
        with pytest.raises(UserError, match="already"):
            undo_plan(journal, plan.id)


def test_revoked_tasks_do_not_run(site: Site, tmp_path: Path) -> None:
    ids = []
    with sample_client(site.profile.url) as client:
        for number in range(3):
            note = str(tmp_path / f"note{number}")
            ids.append(client.send_task("sample.note", (note,), queue="second", countdown=3).id)
        _, items = carried(site, plan_revoke([(uuid, "sample.note") for uuid in ids[:2]], site.profile))
        assert {item.outcome for item in items} == {"done"}
        assert "2 workers" in items[0].words
        wait_until((tmp_path / "note2").exists, 20)
    assert not (tmp_path / "note0").exists()
    assert not (tmp_path / "note1").exists()


def test_terminate_ends_this_task_and_no_other(site: Site) -> None:
    with sample_client(site.profile.url) as client:
        running = client.send_task("sample.sleep_for", (60,), queue="second").id
        waiting = client.send_task("sample.sleep_for", (0.01,), queue="nobody").id
    wait_until(lambda: running in str(site.ask("active")), 20)
    plan = plan_revoke([(running, "sample.sleep_for"), (waiting, "")], site.profile, terminate=True, signal="TERM")
    result, items = carried(site, plan)
    assert [item.outcome for item in items] == ["done", "gone"]
    assert items[0].words == f"terminated on {site.worker.hostname}"
    assert "nothing was terminated" in items[1].words
    assert result.done == 2
    wait_until(lambda: running not in str(site.ask("active")), 20)


def test_a_pool_that_cannot_end_a_task_says_so(redis_url: str, tmp_path: Path) -> None:
    profile = Profile.from_url(redis_url, name="shop")
    with CeleryWorker(redis_url, pool="threads") as worker, sample_client(redis_url) as client:
        site = Site(profile, worker, worker)
        end = tmp_path / "end"
        running = client.send_task("sample.wait_for", (str(end),)).id
        try:
            wait_until(lambda: running in str(site.ask("active")), 20)
            plan = plan_revoke([(running, "sample.wait_for")], profile, terminate=True, signal="TERM")
            (item,) = carried(site, plan)[1]
        finally:
            end.touch()
        assert item.outcome == "failed"
        assert "cannot terminate a running task: it keeps running" in item.words
        assert "NotImplementedError" not in item.words


def test_stamped_headers(site: Site) -> None:
    _, items = carried(site, plan_revoke_stamped({"customer": "8812"}, site.profile))
    assert items[0].outcome == "done"
    assert items[0].queue == "customer=8812"


def test_who_is_silent_is_not_known(site: Site) -> None:
    plan = plan_control(VERBS["enable-events"], {}, [site.worker.hostname, "nobody@nowhere"], site.profile)
    result, items = carried(site, plan)
    assert (result.done, result.unknown) == (1, 1)
    assert "No reply" in items[1].words


def test_read_only_and_silent_profiles_tell_nobody(site: Site) -> None:
    verb = VERBS["disable-events"]
    for changed, error, words in (
        (replace(site.profile, safety=Safety.READ_ONLY), Forbidden, "read-only"),
        (replace(site.profile, silent=True), UserError, "silent"),
    ):
        plan = plan_control(verb, {}, [site.worker.hostname], changed)
        with closing(Journal()) as journal, pytest.raises(error, match=words):
            PlanExecutor(plan, changed, journal, ControlRunner(changed)).run(Confirmation(plan.id))


def test_the_command_line(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    url, name = site.profile.url, site.worker.hostname
    assert main(["control", url, "ping", "--format", "json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {name, site.other.hostname}
    assert main(["control", url, "active-queues", "--worker", name]) == 0
    assert "celery, second" in capsys.readouterr().out
    missing = {"memsample": "no data: psutil is not installed on the worker", "memdump": "psutil not installed"}
    for verb, words in missing.items():
        assert main(["control", url, verb, "--worker", name]) == 0  # in the worker's own words, where it has some
        assert words in capsys.readouterr().out
    assert main(["control", url, "rate-limit", "sample.add", "7/m", "--worker", name, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert f"rate_limit task_name=sample.add rate_limit=7/m → {name}: starts at most 7/m of sample.add" in shown
    assert "until the worker restarts" in shown
    assert "7/m" not in site.rate_limit()
    assert main(["control", url, "pause-queue", "second", "--yes", "--format", "json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [each["outcome"] for each in json.loads(lines[1])["outcomes"]] == ["done"]
    assert "second" not in site.queues()
    assert main(["control", url, "resume-queue", "second", "--yes"]) == 0
    wait_until(lambda: "second" in site.queues())
    assert main(["control", url, "resume-queue", "second", "--yes"]) == 2
    assert "not paused" in capsys.readouterr().err
    api = ["--management-url", site.profile.management_url] if site.profile.management_url else []
    assert main(["revoke", url, "no-such-id", "--terminate", "--yes", "--format", "json", *api]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[1])["outcomes"][0]["outcome"] == "gone"
    assert main(["control", url, "pool-grow", "1", "--worker", site.other.hostname, "--yes"]) == 1
    assert main(["control", url, "enable-events", "--worker", "nobody@nowhere", "--yes"]) == 3
    capsys.readouterr()
    assert main(["control", url, "enable-events", "--worker", site.other.hostname, "--yes"]) == 0
    action = capsys.readouterr().out.split()[-1]
    assert main(["journal", "--undo", action, "--on", url, "--yes"]) == 0
    assert "task events disabled" in capsys.readouterr().out
    assert main(["journal", "--undo", action, "--on", url, "--yes"]) == 2
    assert "already" in capsys.readouterr().err


@pytest.mark.usefixtures("deskq_home")
def test_a_worker_that_is_shut_down(redis_url: str) -> None:
    with CeleryWorker(redis_url, pool="solo") as worker:
        profile = Profile.from_url(redis_url, name="shop")
        plan = plan_control(VERBS["shutdown"], {}, [worker.hostname, "nobody@nowhere"], profile)
        with closing(Journal()) as journal:
            result = PlanExecutor(plan, profile, journal, ControlRunner(profile)).run(Confirmation(plan.id))
            items = journal.items(plan.id)
        assert [item.outcome for item in items] == ["done", "gone"]
        assert result.done == 2
        wait_until(lambda: "Got shutdown from remote" in worker.log(), 20)
