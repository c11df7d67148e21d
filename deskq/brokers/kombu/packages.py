"""Which Python package a transport of kombu's needs, told before kombu fails for want of it in words of its own."""

from __future__ import annotations

import importlib.util
from typing import Final

from deskq.brokers.ports import Refused
from deskq.profiles import Profile

_MODULES: Final = {
    "azureservicebus": "azure.servicebus",
    "azurestoragequeues": "azure.storage.queue",
    "confluentkafka": "confluent_kafka",
    "consul": "consul",
    "etcd": "etcd",
    "gcpubsub": "google.cloud.pubsub_v1",
    "mongodb": "pymongo",
    "pyro": "Pyro4",
    "qpid": "qpid",
    "slmq": "softlayer_messaging",
    "sqlalchemy": "sqlalchemy",
    "sqs": "boto3",
    "zookeeper": "kazoo",
}
"""By the names of kombu's extras, but for etcd, which has none."""
_ALSO: Final = {"sqla": "sqlalchemy", "kafka": "confluentkafka"}
_WITHOUT_EXTRA: Final = {"etcd": "python-etcd"}


def check_installed(profile: Profile) -> None:
    """Raise Refused, with what to install, where the profile's transport is one of kombu's that cannot be imported."""
    scheme = profile.scheme.partition("+")[0]
    name = _ALSO.get(scheme, scheme)
    module = _MODULES.get(name)
    if module is None or _is_there(module):
        return
    package = _WITHOUT_EXTRA.get(name, f'"kombu[{name}]"')
    raise Refused(
        f"The transport “{profile.scheme}” needs a Python package that is not installed. Install it: "
        f"pip install {package}."
    )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it is not there
        return False
