"""Clocks of processes differ; a stream's times never run backwards."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.apps.app import App, AppCreated
from domain.apps.commands import ChangeApp, SetConnection
from domain.apps.connection import Connection, ConnectionCreated
from domain.inbox.provider_event import ProviderEvent, ProviderEventReceived
from domain.invoices import events as e
from domain.invoices.invoice import Invoice
from domain.tenants.events import TenantCreated
from domain.tenants.tenant import Tenant
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import START, Given, happened, moment
from tests.domain.invoices.provider_updates import answered, attempt, delivered, snapshot
from tests.domain.subscription_examples import APP_ID

_CLOCKS = st.lists(st.integers(-90_000, 90_000), min_size=1, max_size=6)


def _write_app(root: Any, occurred_at: datetime, n: int) -> None:
    root.change(ChangeApp(app_id=APP_ID, name=f"Name {n}", actor="cli"), occurred_at=occurred_at)


def _write_tenant(root: Any, occurred_at: datetime, n: int) -> None:
    root.start_customer(f"connection {n}", occurred_at=occurred_at)


def _write_connection(root: Any, occurred_at: datetime, n: int) -> None:
    facts = {k: v for k, v in EXAMPLES[ConnectionCreated].items() if k != "connection_id"}
    root.change(SetConnection(**facts | {"sealed_key": f"sealed {n}"}), occurred_at=occurred_at)


def _write_entry(root: Any, occurred_at: datetime, n: int) -> None:
    root.park(f"reason {n}", retry=True, occurred_at=occurred_at, actor="apply")


def _write_steps(root: Any, occurred_at: datetime, n: int) -> None:
    root.start_step(f"step {n}", occurred_at=occurred_at)


def _write_attempts(root: Any, occurred_at: datetime, n: int) -> None:
    answered(attempt("failed", tries=n + 1), occurred_at=occurred_at)(root)
    delivered(snapshot(id=f"in_{n + 2}", state="paid"), occurred_at=occurred_at)(root)


@pytest.mark.parametrize(
    ("kind", "first", "write"),
    [
        (App, AppCreated, _write_app),
        (Tenant, TenantCreated, _write_tenant),
        (Connection, ConnectionCreated, _write_connection),
        (ProviderEvent, ProviderEventReceived, _write_entry),
        (Invoice, e.InvoiceRequested, _write_steps),
        (Invoice, e.InvoiceRequested, _write_attempts),
    ],
)
@given(clocks=_CLOCKS)
def test_times_never_run_backwards_with_any_clocks(
    kind: Any, first: Any, write: Callable[..., None], clocks: list[int]
) -> None:
    aggregate = Given(kind, happened(first))
    for n, clock in enumerate(clocks):
        aggregate.when(partial(write, occurred_at=moment(clock), n=n))
    times = [event.timestamp for event in aggregate.recorded]
    assert len(times) > len(clocks)
    assert times == sorted(times)
    assert times[-1] == max(START, *(moment(clock) for clock in clocks))


def test_a_clock_that_is_ahead_is_used_and_one_behind_is_not() -> None:
    given_invoice = Given(Invoice, happened(e.InvoiceRequested))
    given_invoice.when(lambda invoice: invoice.start_step("create", occurred_at=moment(50)))
    given_invoice.when(lambda invoice: invoice.start_step("lines", occurred_at=moment(20)))
    steps = given_invoice.root.view.steps
    assert steps["create"].started_at == steps["lines"].started_at == moment(50)
