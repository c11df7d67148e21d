"""``python -m deskq.demo.producer RATE``: sends what a busy shop sends, with a burst of mail every minute."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections.abc import Callable

from celery import chain, chord, group

from deskq.demo import sample_app as shop

_NAMES = ("Anna Schäfer", "José Núñez", "Åsa Öberg", "Olga Иванова", "Tom O'Neill", "Müge Yılmaz")
_HOOKS = ("https://erp.example/hook", "https://crm.example/api/events", "https://old-partner.example/notify")
_stop = threading.Event()


def _order() -> int:
    return random.randrange(10_000, 99_999)


def _cart() -> list[dict[str, object]]:
    return [
        {
            "sku": f"SKU-{random.randrange(999):03}",
            "price": round(random.uniform(1, 90), 2),
            "quantity": random.randrange(1, 4),
        }
        for _ in range(random.randrange(1, 4))
    ]


def _checkout() -> None:
    order = _order()
    customer = {"name": random.choice(_NAMES), "tier": random.choice(("basic", "gold"))}
    chain(
        shop.checkout.si(order, customer),
        shop.capture.si(order, random.randrange(500, 90_000)),
        shop.send_receipt.si(order, "anna@shop.example"),
    ).apply_async(priority=3)


def _gallery() -> None:
    pictures = [shop.thumbnail.s(f"album-{_order()}/{n}.jpg", 320) for n in range(3)]
    chord(pictures, shop.gallery.s("summer")).apply_async()


def _waiting() -> None:
    shop.send_newsletter.apply_async(("gold@shop.example", "black-friday"), countdown=random.uniform(20, 120))


def _reindex() -> None:
    group(shop.reindex.s(_order()) for _ in range(3)).apply_async(priority=9)


_MIX: tuple[tuple[float, Callable[[], object]], ...] = (
    (30, lambda: shop.price.delay(_cart())),
    (10, _checkout),
    (16, lambda: shop.send_receipt.delay(_order(), f"customer{_order()}@mail.example")),
    (8, lambda: shop.thumbnail.delay(f"products/{_order()}.jpg", random.choice((160, 320, 640, 640, 0)))),
    (6, lambda: shop.deliver.delay(random.choice(_HOOKS), "order.paid")),
    (5, _reindex),
    (4, _gallery),
    (3, lambda: shop.refund.delay(_order())),
    (2, _waiting),
    (2, lambda: shop.store.delay(_order())),
    (1.0, lambda: shop.render_pdf.delay(random.randrange(4, 80))),
    (0.7, lambda: shop.build.delay(random.choice(("Q1", "Q2", "Q3")))),
    (0.2, lambda: shop.export.delay(2025)),
)


def main(rate: float) -> None:
    """Send until told to stop; ``rate`` in tasks a second, roughly."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stop.set())
    weights = [weight for weight, _ in _MIX]
    actions = [action for _, action in _MIX]
    next_burst = time.monotonic() + 6
    shop.export.delay(2024)
    while not _stop.is_set():
        began = time.monotonic()
        for action in random.choices(actions, weights, k=max(1, round(rate / 10))):
            action()
        if began >= next_burst:
            next_burst = began + 45
            for _ in range(round(rate * 8)):
                shop.send_newsletter.apply_async((f"reader{_order()}@mail.example", "november"), priority=6)
        _stop.wait(max(0.0, 0.14 - (time.monotonic() - began)))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 25.0)
