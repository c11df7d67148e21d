"""A shop's Celery app: tasks that succeed, fail in several ways, are retried, wait, run long, and form canvases."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from celery.schedules import crontab, schedule
from celery.signals import worker_ready

BROKER = os.environ.get("DESKQ_DEMO_BROKER", "redis://localhost:6379/15")
_OPTIONS = {"queue_order_strategy": "priority", "priority_steps": [0, 3, 6, 9], "sep": "\x06\x16"}

app = Celery("shop", broker=BROKER, backend=BROKER, set_as_current=True)
app.conf.update(
    broker_transport_options=_OPTIONS,
    broker_connection_retry_on_startup=True,
    worker_send_task_events=True,
    task_send_sent_event=True,
    task_track_started=True,
    result_extended=True,
    result_expires=3600,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    redbeat_redis_url=BROKER,
    redbeat_lock_timeout=30,
    beat_max_loop_interval=5,
    timezone="Europe/Berlin",
    task_routes={
        "mail.*": "emails",
        "report.*": "slow",
        "payments.*": "payments",
        "search.*": "search",
        "webhooks.*": "webhooks",
        "archive.*": "archive",
    },
    beat_schedule={
        "inventory-sync": {"task": "inventory.sync", "schedule": schedule(15.0), "args": ("warehouse-hamburg",)},
        "nightly-report": {"task": "report.build", "schedule": crontab(hour="2", minute="30"), "args": ("daily",)},
        "abandoned-carts": {"task": "cart.remind_abandoned", "schedule": schedule(20.0)},
        "newsletter": {
            "task": "mail.send_newsletter",
            "schedule": crontab(hour="9", minute="0", day_of_week="mon-fri"),
        },
        "stock-count": {
            "task": "inventory.sync",
            "schedule": crontab(hour="2-22/4", minute="30"),
            "args": ("warehouse-leipzig",),
        },
        "hourly-figures": {"task": "report.build", "schedule": crontab(minute="0"), "args": ("hour",)},
        "weekly-report": {
            "task": "report.build",
            "schedule": crontab(hour="9", minute="0", day_of_week="mon"),
            "args": ("week",),
        },
    },
)


@worker_ready.connect
def _tell_ready(sender: Any, **_: Any) -> None:
    """Leave a mark for DemoServices.ready, in the folder of the demo."""
    Path(f"{sender.hostname}.ready").touch()


class SMTPServerDisconnected(Exception):
    """The mail server hung up."""


class CardDeclined(Exception):
    """The bank said no."""


class StockMismatch(Exception):
    """Shelf and books disagree."""


def _work(least: float, most: float) -> float:
    seconds = random.uniform(least, most)
    time.sleep(seconds)
    return seconds


class _MailServer:
    def connect(self, host: str) -> None:
        if random.random() < 0.5:
            raise SMTPServerDisconnected(f"{host}: Connection unexpectedly closed: timed out")

    def deliver(self, order: int) -> None:
        self.connect(f"mx{order % 3 + 1}.shop.example")


@app.task(name="mail.send_receipt", bind=True, max_retries=2)
def send_receipt(self: Task, order: int, address: str) -> str:
    _work(0.02, 0.15)
    if random.random() < 0.12:
        try:
            _MailServer().deliver(order)
        except SMTPServerDisconnected as error:
            raise self.retry(exc=error, countdown=random.uniform(1, 3)) from error
    return f"250 queued as {order:08x}"


@app.task(name="mail.send_newsletter")
def send_newsletter(address: str = "", edition: str = "") -> bool:
    _work(0.02, 0.12)
    return True


@app.task(name="cart.price")
def price(cart: list[dict[str, Any]]) -> float:
    _work(0.004, 0.03)
    return float(round(sum(item["price"] * item["quantity"] for item in cart), 2))


@app.task(name="cart.checkout")
def checkout(order: int, customer: dict[str, Any]) -> dict[str, Any]:
    _work(0.03, 0.2)
    if random.random() < 0.03:
        raise KeyError("shipping_address")
    return {"order": order, "customer": customer["name"], "state": "paid"}


@app.task(name="cart.remind_abandoned")
def remind_abandoned() -> int:
    _work(0.05, 0.2)
    return random.randrange(40)


@app.task(name="inventory.sync")
def sync(warehouse: str) -> int:
    _work(0.1, 0.5)
    if random.random() < 0.2:
        raise StockMismatch(f"{warehouse}: 3 × „Blaue Kanne“ on the shelf, 5 in the books")
    return random.randrange(2_000)


@app.task(name="payments.capture", bind=True, max_retries=1)
def capture(self: Task, order: int, cents: int) -> str:
    _work(0.05, 0.3)
    if random.random() < 0.06:
        raise CardDeclined(f"order {order}: insufficient funds for {cents / 100:.2f} EUR")
    return "captured"


@app.task(name="payments.refund", bind=True)
def refund(self: Task, order: int) -> str:
    _work(0.02, 0.1)
    if random.random() < 0.3:
        raise Reject("refund window closed", requeue=False)
    return "refunded"


@app.task(name="report.build")
def build(quarter: str) -> int:
    _work(4, 25)
    return random.randrange(900)


@app.task(name="report.render_pdf", soft_time_limit=4)
def render_pdf(pages: int) -> str:
    _work(1, 6)
    return f"{pages} pages"


@app.task(name="report.export", time_limit=2)
def export(year: int) -> str:
    time.sleep(30)
    return "never"


@app.task(name="images.thumbnail")
def thumbnail(path: str, width: int) -> str:
    _work(0.01, 0.08)
    if width == 0:
        raise ZeroDivisionError("division by zero")
    return f"{path}@{width}"


@app.task(name="images.gallery")
def gallery(thumbnails: list[str], album: str) -> dict[str, Any]:
    _work(0.01, 0.05)
    return {"album": album, "pictures": len(thumbnails)}


@app.task(name="search.reindex", bind=True)
def reindex(self: Task, product: int) -> int:
    _work(0.01, 0.06)
    if random.random() < 0.05:
        raise Ignore
    return product


@app.task(name="webhooks.deliver", bind=True, max_retries=3)
def deliver(self: Task, url: str, event: str) -> int:
    _work(0.02, 0.3)
    if random.random() < 0.4:
        error = ConnectionError(f"{url} answered 503 Service Unavailable")
        raise self.retry(exc=error, countdown=2 ** (self.request.retries + 1)) from error
    return 200


@app.task(name="archive.store")
def store(order: int) -> None:
    """Nobody consumes its queue: it only grows."""
