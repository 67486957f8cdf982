"""Deliveries as the metrics count them."""

from tests.service.running_service import Service


def count(service: Service, result: str, *, provider: str = "stripe") -> float:
    metrics = service.context.recording.metrics
    metrics.flush()
    webhooks = metrics.webhooks.labels(provider, result)
    return webhooks._value.get()  # noqa: SLF001 - the library offers no reading of one value
