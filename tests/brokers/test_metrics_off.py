"""RabbitMQ whose settings turn metrics or rates off: what is not measured is unknown, and depths are known anyway."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from deskq.brokers.ports import QueueSample
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.rabbitmq.connection import is_refusal_of_transient, refuses_transient
from deskq.brokers.rabbitmq.management import NO_FIGURES, NO_RATES
from deskq.doctor.advice.general import examine
from deskq.doctor.finding import Finding
from deskq.profiles import Profile
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer
from tests.support.waiting import wait_until

Needs = Callable[[Callable[[], RabbitServer]], RabbitServer]


def seven_waiting(server: RabbitServer) -> Profile:
    with sample_client(server.url) as client:
        for _ in range(7):
            client.send_task("sample.add", (1, 2), queue="emails")
    return Profile.from_url(server.url, management_url=server.management_url)


def test_without_metrics_depths_and_consumers_are_asked_for_and_rates_are_unknown(needs: Needs) -> None:
    with needs(lambda: RabbitServer(extra="management_agent.disable_metrics_collector = true\n")) as server:
        profile = seven_waiting(server)
        with CeleryWorker(server.url, queues=["other"]) as worker, closing(RabbitBroker(profile)) as broker:
            sample = wait_until(lambda: next((s for s in broker.sample(["emails"]) if s.ready == 7), None), 10)
            assert sample is not None
            assert (sample.unacked, sample.consumers) == (None, 0)
            assert (sample.in_rate, sample.out_rate) == (None, None)
            assert broker.unmeasured == NO_FIGURES
            assert broker.queue_names() == {"emails", "other"}
            there = {worker.hostname: True, "nobody@nowhere": False}
            assert broker.connected_nodes(list(there)) == there
            reported = list(examine(profile, history=None, cancelled=lambda: False))
        found = {one.key: one for one in reported if isinstance(one, Finding)}
        assert (found["no-consumer"].level, "“emails”" in found["no-consumer"].title) == ("warning", True)
        assert found["management"].level == "advice"
        assert "disable_metrics_collector" in found["management"].evidence


def measured_by(broker: RabbitBroker) -> QueueSample | None:
    (sample,) = broker.sample(["emails"])
    return sample if sample.unacked is not None else None


def test_without_rates_they_are_unknown(needs: Needs) -> None:
    with needs(lambda: RabbitServer(extra="management.rates_mode = none\n")) as server:
        profile = seven_waiting(server)
        with closing(RabbitBroker(profile)) as broker:
            sample = wait_until(partial(measured_by, broker), 15, "the API to count")
            assert sample is not None
            assert (sample.ready, sample.in_rate, sample.out_rate) == (7, None, None)
            assert broker.unmeasured == NO_RATES


@pytest.mark.parametrize(
    ("code", "text", "refused"),
    [
        (
            541,  # as RabbitMQ 4.0.5 says it
            (
                "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated.\nIts use is not permitted per the "
                'configuration (overriding the default, which is permitted):\n    "deprecated_features.permit.'
            ),
            True,
        ),
        (541, "INTERNAL_ERROR", False),
        (403, "ACCESS_REFUSED - access to queue 'deskq.x' in vhost '/' refused for user 'least'", False),
    ],
)
def test_what_says_that_transient_queues_are_refused(code: int, text: str, refused: bool) -> None:
    assert is_refusal_of_transient(code, text) is refused


def test_a_server_that_permits_transient_queues_is_asked(rabbit_vhost_url: str) -> None:
    profile = Profile.from_url(rabbit_vhost_url)
    assert refuses_transient(profile) is False
    assert refuses_transient(Profile.from_url("amqp://127.0.0.1:1")) is None
