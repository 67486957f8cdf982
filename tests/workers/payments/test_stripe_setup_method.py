"""A tenant leaves a card on the provider's page, and is charged by it from then on."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.gateway.setups import SetupSession
from domain.payment_methods import events as s
from domain.payment_methods.setup import MethodSetup
from projections.work.table import CloseJob, GiveUpJob, JobChange, OpenJob, ResendJob
from tests.domain.given import AGGREGATE_ID, happened
from tests.workers.stripe_harness import Bench
from tests.workers.stripe_setup_helpers import (
    RETURN_URL,
    default_of,
    deliver_events,
    do,
    leave,
    opened,
    request_setup,
)
from workers.queue.reactions import changes_for


def test_a_card_that_was_left_pays_the_next_invoice(bench: Bench) -> None:
    tenant_id = bench.add_tenant(linked=False)
    setup = opened(bench, tenant_id)
    assert (setup.view.status, setup.view.url is not None) == ("open", True)
    leave(bench, setup)
    assert deliver_events(bench, setup.view.id).view.status == "submitted"
    done = do(bench, setup.view.id).view
    assert done.status == "completed"
    assert done.method is not None
    assert (done.method["type"], done.method["brand"], done.method["last4"]) == (
        "card",
        "mastercard",
        "4444",
    )
    assert done.customer is not None
    assert default_of(bench, done.customer) == done.method["id"]

    invoice = bench.charge(bench.request(tenant_id))

    assert invoice.view.status == "paid"
    assert invoice.view.customer == done.customer
    assert bench.account.charged() == [1999]


def test_the_page_has_a_return_url_and_the_owners_ids(bench: Bench) -> None:
    setup = opened(bench, bench.add_tenant())
    page = bench.account.v1.checkout.sessions.retrieve(str(setup.view.session_id))
    ours = {"billhook_app": str(bench.app_id), "billhook_setup": str(setup.id)}
    assert page.metadata is not None
    assert page.metadata.to_dict() == ours
    assert (page.success_url, page.cancel_url) == (RETURN_URL, RETURN_URL)
    assert (page.url, page.customer) == (setup.view.url, setup.view.customer)
    assert page.to_dict()["allowed_payment_method_types"] == ["card"]
    intent = bench.account.v1.setup_intents.retrieve(str(page.setup_intent))
    assert intent.metadata is not None
    assert intent.metadata.to_dict() == ours


def test_a_job_that_runs_again_does_nothing(bench: Bench) -> None:
    setup = opened(bench, bench.add_tenant())
    before = bench.topics(setup.view.id)
    do(bench, setup.view.id)
    leave(bench, setup)
    do(bench, setup.view.id)
    assert bench.topics(setup.view.id) == before
    deliver_events(bench, setup.view.id)
    done = [do(bench, setup.view.id).version for _ in range(2)]
    assert done[0] == done[1]


def test_a_customer_that_is_gone_is_refused_by_name(bench: Bench) -> None:
    tenant_id = bench.add_tenant()
    customer = opened(bench, tenant_id).view.customer
    bench.account.v1.customers.delete(str(customer))
    refused = opened(bench, tenant_id).view
    assert refused.status == "rejected"
    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.path) == ("customer_deleted", "tenantUuid")


def test_a_method_that_was_taken_away_again_is_refused(bench: Bench) -> None:
    setup = opened(bench, bench.add_tenant())
    leave(bench, setup)
    deliver_events(bench, setup.view.id)
    customer = str(setup.view.customer)
    bench.account.v1.customers.delete(customer)
    assert do(bench, setup.view.id).view.status == "rejected"


def test_credentials_that_the_provider_refuses_end_it_before_anything_exists(bench: Bench) -> None:
    setup_id = request_setup(bench, bench.add_tenant())
    bench.account.admin.refuse_keys(bench.account.key)
    refused = do(bench, setup_id).view
    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.path) == (
        "provider_credentials_refused",
        "connection",
    )


def test_a_return_url_that_the_provider_rejects_is_named(bench: Bench) -> None:
    """Stripe wants https there in live mode; the sandbox takes anything."""
    setup_id = request_setup(bench, bench.add_tenant())
    bench.gateway = Refusing(bench.gateway)
    refused = do(bench, setup_id).view
    assert refused.failure is not None
    assert (refused.status, refused.failure.path) == ("rejected", "redirectUrl")


class Refusing:
    """The real gateway, but for one answer."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def open_setup(self, *_: object, **__: object) -> SetupSession:
        raise GatewayRejected("Not a valid URL", code="url_invalid", param="success_url")


def test_a_call_without_an_answer_is_repeated(bench: Bench) -> None:
    """An answer that was lost has opened a page: the same key finds it."""
    setup_id = request_setup(bench, bench.add_tenant())
    bench.account.admin.add_fault(
        "lose_answer", path="/v1/checkout/sessions", method="POST", times=9
    )
    with pytest.raises(GatewayUnavailable):
        do(bench, setup_id)
    bench.account.admin.drop_faults()
    setup = do(bench, setup_id)
    (page,) = bench.account.v1.checkout.sessions.list().data
    assert page.id == setup.view.session_id


def test_a_page_whose_time_is_over_ends_the_setup(bench: Bench) -> None:
    setup = opened(bench, bench.add_tenant())
    bench.account.admin.set_clock(advance_s=timedelta(hours=25).total_seconds())
    ended = deliver_events(bench, setup.view.id).view
    assert (ended.status, ended.url) == ("expired", None)


def test_a_newer_choice_is_left_alone_by_an_older_job(bench: Bench) -> None:
    """A job that runs again a day after its call does not undo a later choice."""
    tenant_id = bench.add_tenant()
    older, newer = opened(bench, tenant_id), opened(bench, tenant_id)
    leave(bench, older, "pm_card_visa")
    deliver_events(bench, older.view.id)
    customer = str(older.view.customer)
    save, bench.billing.save = bench.billing.save, _Once(bench.billing.save)  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        do(bench, older.view.id)
    bench.billing.save = save  # type: ignore[method-assign]
    leave(bench, newer)
    deliver_events(bench, newer.view.id)
    chosen = do(bench, newer.view.id).view.method
    bench.clock.added += timedelta(hours=25)
    bench.account.admin.set_clock(advance_s=timedelta(hours=25).total_seconds())
    assert do(bench, older.view.id).view.status == "completed"
    assert chosen is not None
    assert default_of(bench, customer) == chosen["id"]


class _Once:
    """Appends once, then loses the database: after the call, before what it came to is kept."""

    def __init__(self, save: Any) -> None:
        self._save = save
        self._calls = itertools.count()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if next(self._calls):
            raise ConnectionError
        return self._save(*args, **kwargs)


SETUP, COMPLETION = f"setup:{AGGREGATE_ID}", f"setup_completion:{AGGREGATE_ID}"


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        (s.SetupRequested, {}, [(OpenJob, SETUP)]),
        (s.SetupStepStarted, {}, []),
        (s.SetupOpened, {}, [(CloseJob, SETUP)]),
        (s.SetupSubmitted, {}, [(CloseJob, SETUP), (OpenJob, COMPLETION)]),
        (s.SetupCompleted, {}, [(CloseJob, SETUP), (CloseJob, COMPLETION)]),
        (s.SetupRejected, {}, [(CloseJob, SETUP), (CloseJob, COMPLETION)]),
        (s.SetupExpired, {}, []),
        (s.SetupGaveUp, {"step": "open"}, [(GiveUpJob, SETUP)]),
        (s.SetupGaveUp, {"step": "default"}, [(GiveUpJob, COMPLETION)]),
        (s.SetupResent, {"step": "open"}, [(ResendJob, SETUP)]),
        (s.SetupResent, {"step": "default"}, [(ResendJob, COMPLETION)]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_fact_opens_and_closes_its_rows(
    kind: type[s.MethodSetupEvent],
    facts: dict[str, Any],
    expected: list[tuple[type[JobChange], str]],
) -> None:
    event = happened(kind, **facts).as_event(MethodSetup, version=1, seconds=0)
    assert [(type(change), change.key) for change in changes_for(event)] == expected


def test_the_url_of_a_page_is_in_no_representation_of_it() -> None:
    """Printed values reach logs, and the URL lets its holder add a card for this customer."""
    page = SetupSession(
        id="cs_1",
        state="open",
        customer="cus_1",
        expires_at=1,
        livemode=False,
        url="https://checkout.example/cs_1",
    )
    assert "checkout.example" not in repr(page)
