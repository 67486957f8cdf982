"""Mollie's webhooks: unsigned hints that say nothing to anybody, and signed events."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.core import ids
from domain.gateway.objects import RefundsAndDisputes
from domain.inbox.payment_hint import PaymentHint, PaymentHintReceived, PaymentHintRepeated
from domain.inbox.provider_event import ProviderEventReceived
from domain.invoices.commands import ImportInvoice
from service.webhooks.hints import hinted_at
from tests.service.harness import Shop
from tests.service.invoice_outcomes import provider_invoice
from tests.service.running_service import Service
from tests.service.webhooks.delivery_counts import count

SECRET = "hook_secret_1"


class MollieShop(Shop):
    """A shop whose connection is to Mollie."""

    def __init__(self, service: Service, **more: Any) -> None:
        super().__init__(
            service,
            provider="mollie",
            connection="mollie-1",
            webhook_secrets=more.pop("secrets", (SECRET, "hook_secret_2")),
            **more,
        )

    def hint(self, body: bytes | str = b"id=tr_1", *, url: str = "") -> httpx.Response:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.service.request("POST", url or self.webhook_url, content=body, headers=headers)

    def hints(self, payment: str = "tr_1") -> list[Any]:
        return self.service.events(ids.for_payment_hint(self.connection_id, "test", payment))

    def import_payment(self, payment: str) -> str:
        """Record an invoice whose payment has this id; return the id."""
        command = ImportInvoice(
            app_id=self.app_id,
            tenant_id=None,
            provider="mollie",
            connection=self.connection,
            connection_id=self.connection_id,
            mode="test",
            origin="import",
            actor="operator",
        )
        seen = replace(provider_invoice("open"), id=payment, object_type="payment")
        self.billing.import_invoice(
            command, seen, RefundsAndDisputes(), occurred_at=datetime.now(UTC)
        )
        self.service.wait_for_projection("invoices")
        return payment

    def send(
        self, event: dict[str, Any], *, secret: str = SECRET, prefix: str = "sha256="
    ) -> httpx.Response:
        raw = json.dumps(event).encode()
        proof = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        return self.service.request(
            "POST",
            self.webhook_url,
            content=raw,
            headers={"x-mollie-signature": prefix + proof, "content-type": "application/json"},
        )

    def event_body(self, event_id: str) -> list[Any]:
        return self.service.events(ids.for_provider_event(self.connection_id, "test", event_id))


@pytest.fixture
def mollie(service: Service) -> MollieShop:
    return MollieShop(service)


def event(**changes: Any) -> dict[str, Any]:
    return {
        "resource": "event",
        "id": f"event_{uuid4().hex}",
        "type": "payment.paid",
        "entityId": "tr_1",
        "createdAt": "2026-01-31T10:00:00+00:00",
        "_embedded": None,
        **changes,
    }


def test_a_hint_is_recorded_once_while_nobody_has_looked(
    service: Service, mollie: MollieShop
) -> None:
    answers = [mollie.hint() for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    (received,) = mollie.hints()
    assert isinstance(received, PaymentHintReceived)
    assert (received.payment_id, received.connection) == ("tr_1", mollie.connection)
    assert count(service, "coalesced", provider="mollie") == 2


def test_twenty_hints_at_once_are_one(service: Service, mollie: MollieShop) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = ("POST", mollie.webhook_url, {"content": b"id=tr_1", "headers": headers})

    assert {answer.status_code for answer in service.requests([request] * 20)} == {200}

    assert len(mollie.hints()) == 1


def test_a_hint_after_the_fetch_has_begun_is_recorded_again(
    service: Service, mollie: MollieShop
) -> None:
    mollie.hint()
    hint_id = ids.for_payment_hint(mollie.connection_id, "test", "tr_1")
    service.context.recording.billing.change(
        PaymentHint,
        hint_id,
        lambda known: known.start_fetch(actor="w", occurred_at=service.context.recording.now()),
    )

    mollie.hint()

    assert isinstance(mollie.hints()[-1], PaymentHintRepeated)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"id=",
        b"id=sub_1",
        b"id=tr_../../customers",
        b"id=tr_1&id=tr_2",
        b"id=tr_" + b"x" * 100,
        b"&".join([b"a=1"] * 50),
        b"\xff\xfe",
        b'{"id": "tr_1"}',
        b"x" * 2_000_000,
    ],
    ids=["none", "empty", "other", "path", "two", "long", "many", "bytes", "json", "huge"],
)
def test_nonsense_is_answered_as_a_hint_is_and_leaves_nothing(
    service: Service, mollie: MollieShop, body: bytes
) -> None:
    before, expected = service.head(), mollie.hint(b"id=tr_other")
    head = service.head()

    answer = mollie.hint(body)

    assert head == before + 1
    assert (answer.status_code, answer.text) == (200, expected.text)
    assert service.head() == head


def test_nobody_learns_which_connections_there_are(service: Service, mollie: MollieShop) -> None:
    stripe = Shop(service)
    known = mollie.hint()

    for named in (str(uuid4()), "none", str(stripe.connection_id)):
        answer = mollie.hint(url=f"/webhooks/mollie/{named}")
        assert (answer.status_code, answer.text) == (known.status_code, known.text)
        assert {name.lower() for name in answer.headers} == {n.lower() for n in known.headers}


def test_a_hint_over_the_limit_is_answered_503_and_not_lost(database: str) -> None:
    with Service(database, hints_per_minute=3) as service:
        mollie, other = MollieShop(service), MollieShop(service)

        answers = [mollie.hint(f"id=tr_{number}") for number in range(5)]
        other.hint()

        assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503]
        assert answers[-1].headers["retry-after"] == "60"
        assert [len(mollie.hints(f"tr_{number}")) for number in range(5)] == [1, 1, 1, 0, 0]
        assert len(other.hints()) == 1
        assert count(service, "over_limit", provider="mollie") == 2


def test_hints_about_our_own_payments_ignore_the_rate_limit(database: str) -> None:
    with Service(database, hints_per_minute=1) as service:
        mollie = MollieShop(service)
        ours = [mollie.import_payment(f"tr_ours{number}") for number in range(3)]

        assert [mollie.hint(f"id={payment}").status_code for payment in ours] == [200] * 3
        assert mollie.hint("id=tr_foreign1").status_code == 200

        again = mollie.import_payment("tr_ours4")
        answers = [mollie.hint(f"id={payment}") for payment in ("tr_foreign2", again)]

        assert [answer.status_code for answer in answers] == [503, 503]
        assert answers[0].text == answers[1].text
        assert [len(mollie.hints(payment)) for payment in ("tr_foreign2", again)] == [0, 1]


@pytest.mark.parametrize("prefix", ["sha256=", ""])
@pytest.mark.parametrize("secret", [SECRET, "hook_secret_2"])
def test_a_signed_event_is_stored_once_with_the_payment_it_is_about(
    mollie: MollieShop, secret: str, prefix: str
) -> None:
    event_body = event()

    answers = [mollie.send(event_body, secret=secret, prefix=prefix) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    (received,) = mollie.event_body(event_body["id"])
    assert isinstance(received, ProviderEventReceived)
    assert (received.provider, received.type) == ("mollie", "payment.paid")
    assert (received.object_type, received.object_id) == ("payment", "tr_1")
    assert received.occurred_at == 1769853600


@pytest.mark.parametrize(
    "event_body",
    [
        {"_embedded": {"entity": {"id": "re_1", "paymentId": "tr_9"}}},
        {"_links": {"entity": {"href": "https://api.mollie.com/v2/payments/tr_9/refunds/re_1"}}},
    ],
    ids=["embedded", "linked"],
)
def test_a_refunds_event_leads_to_its_payment(
    mollie: MollieShop, event_body: dict[str, Any]
) -> None:
    sent = event(type="refund.refunded", entityId="re_1", **event_body)

    mollie.send(sent)

    (received,) = mollie.event_body(sent["id"])
    assert (received.object_type, received.object_id) == ("payment", "tr_9")


def test_a_forged_event_is_refused_and_noted(service: Service, mollie: MollieShop) -> None:
    event_body = event()

    assert mollie.send(event_body, secret="guessed").status_code == 400
    assert mollie.send(event_body, prefix="md5=").status_code == 400

    assert mollie.event_body(event_body["id"]) == []
    assert (
        count(service, "forged", provider="mollie"),
        count(service, "malformed", provider="mollie"),
    ) == (1, 1)


def test_an_event_of_the_other_mode_is_refused(mollie: MollieShop) -> None:
    event_body = event(_embedded={"entity": {"id": "tr_1", "mode": "live"}})

    assert mollie.send(event_body).status_code == 400


def test_without_secrets_nothing_signed_is_taken(service: Service) -> None:
    mollie = MollieShop(service, secrets=())

    assert mollie.send(event()).status_code == 404


def test_ids_are_read_from_forms_alone() -> None:
    assert hinted_at(b"id=tr_WDqYK6vllg") == "tr_WDqYK6vllg"
    assert hinted_at(b"testmode=1&id=tr_1") == "tr_1"
