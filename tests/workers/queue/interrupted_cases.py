"""Subjects of jobs that were interrupted two days ago: their next try looks up what was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final, TypeVar

from domain.gateway.errors import GatewayUnavailable
from domain.invoices.commands import RequestCapture
from tests.workers import stripe_setup_helpers as stripe_setups
from tests.workers.invoices.test_stripe_captures import held
from tests.workers.mollie_harness import MollieBench
from tests.workers.payments import test_mollie_mandate_setup as mollie_setups
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from tests.workers.subscriptions.test_stripe_subscriptions import monthly

T = TypeVar("T", Bench, MollieBench)
Args = dict[str, str]
# Longer than any provider keeps a key.
_AGO: Final = timedelta(days=2)


class _Interrupted:
    """A gateway whose one call fails as in an outage."""

    def __init__(self, gateway: Any, call: str) -> None:
        self._gateway, self._call = gateway, call

    def __getattr__(self, name: str) -> Any:
        return self._fail if name == self._call else getattr(self._gateway, name)

    def _fail(self, *_: object, **__: object) -> None:
        raise GatewayUnavailable("the answer is lost")


@contextmanager
def _interrupted(bench: T, call: str) -> Iterator[None]:
    gateway, bench.gateway = bench.gateway, _Interrupted(bench.gateway, call)
    bench.clock.added -= _AGO
    with suppress(GatewayUnavailable):
        yield
    bench.clock.added += _AGO
    bench.gateway = gateway


def stripe_charge(call: str) -> Callable[[Bench], Args]:
    def prepare(bench: Bench) -> Args:
        linked = call != "create_customer"
        with _interrupted(bench, call):
            invoice_id = bench.request(bench.add_tenant(linked=linked), charge_immediately=linked)
            bench.charge(invoice_id)
        return {"invoice_id": str(invoice_id)}

    return prepare


def stripe_subscription(bench: Bench) -> Args:
    price = monthly(bench)
    with _interrupted(bench, "create_subscription"):
        invoice_id = bench.subscribe(bench.add_tenant(), price)
        bench.charge(invoice_id)
    return {"invoice_id": str(invoice_id)}


def stripe_setup(bench: Bench) -> Args:
    with _interrupted(bench, "open_setup"):
        setup_id = stripe_setups.request_setup(bench, bench.add_tenant(linked=False))
        stripe_setups.do(bench, setup_id)
    return {"setup_id": str(setup_id)}


def stripe_capture(bench: Bench) -> Args:
    view = held(bench, 1500)
    bench.request_action(view.id, RequestCapture, amount_minor=700)
    with _interrupted(bench, "capture"):
        bench.charge(view.id)
    return {"invoice_id": str(view.id)}


def mollie_charge(call: str) -> Callable[[MollieBench], Args]:
    def prepare(mollie: MollieBench) -> Args:
        with _interrupted(mollie, call):
            invoice_id = mollie.request()
            mollie.charge(invoice_id)
        return {"invoice_id": str(invoice_id)}

    return prepare


def mollie_setup(mollie: MollieBench) -> Args:
    with _interrupted(mollie, "open_setup"):
        setup_id = mollie_setups.request_setup(mollie)
        mollie_setups.do(mollie, setup_id)
    return {"setup_id": str(setup_id)}


def mollie_start(mollie: MollieBench) -> Args:
    recurring = Recurring(mollie)
    invoice = recurring.request()
    recurring.pay(invoice)
    with _interrupted(mollie, "create_mandate_subscription"):
        recurring.start(invoice)
    return {"subscription_id": str(recurring.stream(invoice))}


def mollie_capture(mollie: MollieBench) -> Args:
    view = mollie.charged(payment_method="klarna").view
    mollie.pay(view.provider_object_id, "authorized")
    mollie.receive_webhook(view.provider_object_id)
    mollie.request_action(view.id, RequestCapture, amount_minor=700)
    with _interrupted(mollie, "capture"):
        mollie.charge(view.id)
    return {"invoice_id": str(view.id)}
