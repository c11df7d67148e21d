"""Brokers are the same one by what they draw or are named, and another one only where that is certain."""

from __future__ import annotations

from deskq.protocol.identity import Identity, change_between, decode, encode, of_rabbitmq, of_redis

NOW = 1_800_000_000.0


def redis(run_id: str, *, up: int = 0, queues: tuple[str, ...] = ()) -> Identity:
    facts = {"run_id": run_id, "uptime_in_seconds": str(up)} if run_id else {}
    return of_redis("Redis", facts, now=NOW, queues=queues)


def rabbit(name: str, cluster: str = "") -> Identity:
    return of_rabbitmq({"cluster_name": name.encode()}, f"rabbitmq-cluster-id-{cluster}" if cluster else "")


def test_a_server_that_ran_when_another_was_asked_is_another_one() -> None:
    was = redis("old")
    assert was.is_unlike(redis("new", up=3600), NOW - 1800)
    assert not was.is_unlike(redis("new", up=3600), NOW - 7200)  # it may be the same, started again
    assert not was.is_unlike(redis("new", up=3600), NOW - 3599)  # clocks
    assert not was.is_unlike(redis("old", up=3600), NOW)
    assert not was.is_unlike(redis(""), NOW)
    assert not redis("").is_unlike(redis("new", up=3600), NOW)


def test_clusters_of_one_name_are_told_apart_by_their_numbers() -> None:
    one, other, shy = rabbit("rabbit@shop", "aaaaaaaaaa"), rabbit("rabbit@shop", "bbbbbbbbbb"), rabbit("rabbit@shop")
    assert not one.is_same(other)
    assert one.is_unlike(other, 0.0)
    assert one.is_same(shy)  # its user may not know
    assert shy.is_same(one)
    change = change_between(one, other)
    assert change is not None
    assert "it was cluster aaaaaaaa of RabbitMQ “rabbit@shop”, now it is cluster bbbbbbbb of" in change.words
    assert change.code == "bbbbbbbb"
    renamed = change_between(rabbit("rabbit@shop"), rabbit("rabbit@other", "bbbbbbbbbb"))
    assert renamed is not None
    assert renamed.code == "rabbit@other"


def test_one_that_says_nothing_is_known_by_its_queues() -> None:
    was = redis("", queues=("celery", "emails"))
    assert was.is_same(redis("", queues=("celery", "reports")))
    assert redis("").is_same(was)
    for now in (redis("", queues=("other",)), redis("")):
        assert not was.is_same(now)
        change = change_between(was, now)
        assert change is not None
        assert "and had other queues, now it is" in change.words


def test_it_is_kept_whole() -> None:
    for one in (redis("x", up=5), redis("", queues=("celery",)), rabbit("rabbit@shop", "aaaa")):
        kept = decode(encode(one))
        assert kept == one
        assert kept is not None
        assert (kept.started, kept.queues, kept.cluster) == (one.started, one.queues, one.cluster)
