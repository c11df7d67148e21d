"""RabbitMQ: AMQP for events and messages, the management API for figures."""

from __future__ import annotations
