"""Mollie behind the gateway port, through its SDK.

One gateway per connection, one SDK client per thread. Every POST carries our own key: the SDK would
otherwise make up a random one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mollie.api.objects.customer import Customer
from mollie.api.objects.payment import Payment

from domain.catalogue.pricing import Charge, ChargeLine
from domain.core import metadata as metadata_keys
from domain.core.money import percentage, step_minor, to_mollie
from domain.core.providers import Mode
from domain.gateway.objects import (
    PaidPayment,
    PaymentDraft,
    ProviderCustomer,
    ProviderInvoice,
    ProviderRefund,
    RefundDraft,
    RefundsAndDisputes,
)
from workers.providers.curl_connections import TIMEOUT_S
from workers.providers.mollie import objects
from workers.providers.mollie.captures import CaptureCalls
from workers.providers.mollie.client import (
    PAGE,
    AwaitRateLimit,
    Json,
    MollieClient,
    MollieClients,
    named,
    pages,
)
from workers.providers.mollie.recurring import SubscriptionCalls
from workers.providers.mollie.setups import SetupCalls

LONGEST_DESCRIPTION: Final = 255


class MollieGateway(SubscriptionCalls, SetupCalls, CaptureCalls):
    """Gateway to a Mollie account in one mode. Each call first waits for the rate limit."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode | None = None,
        await_rate_limit: AwaitRateLimit | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._clients = MollieClients(
            api_key,
            api_base=api_base,
            mode=mode,
            await_rate_limit=await_rate_limit,
            timeout_s=timeout_s,
        )

    # Customers.

    def check_credentials(self) -> None:
        """List the enabled payment methods. Mollie docs: list payment methods."""
        self._sdk.methods.list()

    def find_customer(self, customer_id: str) -> ProviderCustomer:
        """Fetch a customer; a deleted one is reported as missing. Mollie docs: get customer."""
        found = self._sdk.customers.get(named(customer_id))
        return ProviderCustomer(id=objects.object_id(found), currency=None, default_method=None)

    def create_customer(
        self, metadata: dict[str, str], *, contact: dict[str, Any], key: str
    ) -> str:
        """Create a customer; Mollie stores no address. Mollie docs: create customer."""
        known = {name: contact[name] for name in ("name", "email") if contact.get(name)}
        made = self._sdk.customers.create({**known, "metadata": metadata}, idempotency_key=key)
        return objects.object_id(made)

    def update_customer(
        self, customer_id: str, *, name: str | None, email: str | None, key: str
    ) -> None:
        """Set name and e-mail. Mollie docs: update customer."""
        contact = {"name": name, "email": email}
        self._sdk.customers.update(named(customer_id), contact, idempotency_key=key)

    def find_customers(self, metadata: dict[str, str], *, created_after: int) -> list[str]:
        """Find customers among the newest ones. Mollie docs: list customers."""
        found = _since(self._sdk.customers.list(limit=PAGE), created_after)
        wanted = metadata.items()
        made = [
            objects.object_id(item)
            for item in found
            if wanted <= (item.get("metadata") or {}).items()
        ]
        return made[::-1]

    # Payments.

    def create_payment(self, draft: PaymentDraft, *, key: str) -> ProviderInvoice:
        """Create a payment. Mollie docs: create payment."""
        line = self._sdk
        return self._read(line, line.payments.create(_params(draft), idempotency_key=key))

    def find_payments(
        self, *, customer: str, reference: str, created_after: int
    ) -> list[ProviderInvoice]:
        """Find payments among a customer's newest ones. Mollie docs: list customer payments."""
        line = self._sdk
        owner = Customer({"id": named(customer)}, line)
        found = _since(owner.payments.list(limit=PAGE), created_after)
        made = [self._read(line, item) for item in found]
        return [made for made in made if made.metadata.get(metadata_keys.INVOICE) == reference]

    def fetch_invoice(self, invoice_id: str) -> ProviderInvoice:
        """Fetch a payment. Mollie docs: get payment."""
        line = self._sdk
        return self._read(line, line.payments.get(named(invoice_id)))

    def fetch_payment(self, payment_id: str) -> tuple[ProviderInvoice, RefundsAndDisputes]:
        """Fetch a payment with its captures, refunds and chargebacks. Mollie docs: embed."""
        line = self._sdk
        found = line.payments.get(named(payment_id), embed=objects.WITH_PARTS)
        return self._read(line, found), objects.to_refunds_and_disputes(found)

    def cancel_payment(self, payment_id: str) -> ProviderInvoice:
        """Cancel a payment; Mollie rejects this if the method does not allow it."""
        line = self._sdk
        return self._read(line, line.payments.delete(named(payment_id)))

    # Refunds and chargebacks.

    def refund(self, draft: RefundDraft, *, key: str) -> ProviderRefund:
        """Refund a payment. Mollie docs: create payment refund."""
        line = self._sdk
        payment = Payment({"id": named(draft.invoice_id)}, line)
        params: Json = {
            "amount": _amount(draft.amount_minor, draft.currency),
            "metadata": draft.metadata,
        }
        if draft.reason is not None:
            params["description"] = draft.reason.replace("_", " ")
        made = payment.refunds.create(params, idempotency_key=key)
        return objects.to_refund(dict(made))

    def fetch_paid_payments(self, invoice_id: str) -> tuple[PaidPayment, ...]:
        """Fetch a payment with its refunds and chargebacks, as the only one of itself."""
        seen, back = self.fetch_payment(invoice_id)
        paid = PaidPayment(
            id=seen.id,
            amount_minor=seen.amount_paid_minor,
            refunds=back.refunds,
            disputed_minor=sum(one.amount_minor for one in back.disputes if one.state != "won"),
        )
        return (paid,)

    def fetch_refunds_and_disputes(self, invoice_id: str) -> RefundsAndDisputes:
        """Fetch a payment's refunds and chargebacks."""
        return self.fetch_payment(invoice_id)[1]

    # Pages for people.

    def find_document_url(self, invoice_id: str) -> str | None:
        """Return the payment's URL in Mollie's dashboard, the only one that does not expire."""
        return self.fetch_invoice(invoice_id).dashboard_url

    def find_client_secret(self, payment_id: str) -> str | None:  # noqa: ARG002 - the port's verb
        """Return None: customers pay on Mollie's own page."""
        return None

    @property
    def _sdk(self) -> MollieClient:
        return self._clients.for_thread()

    def _read(self, line: MollieClient, data: Json) -> ProviderInvoice:
        return objects.to_invoice(data, as_of=line.answered_at)


def _since(listed: Any, created_after: int) -> Iterator[Json]:  # noqa: ANN401 - any of the SDK's lists
    """Yield the objects created since then; lists are sorted newest first."""
    for item in pages(listed):
        if objects.created_at_of(item) < created_after:
            return
        yield item


def _params(draft: PaymentDraft) -> Json:
    charge = draft.charge
    params: Json = {
        "amount": _amount(charge.total_minor, charge.currency),
        "description": draft.description[:LONGEST_DESCRIPTION],
        "customerId": draft.customer,
        "metadata": draft.metadata,
        "lines": [_line_params(line, charge) for line in charge.lines],
    }
    if draft.mandate is not None:
        params |= {"sequenceType": "recurring", "mandateId": draft.mandate}
    elif draft.first:
        params["sequenceType"] = "first"
    optional = {
        "method": draft.method,
        "redirectUrl": draft.redirect_url,
        "webhookUrl": draft.webhook_url,
    }
    return params | {name: value for name, value in optional.items() if value is not None}


def _line_params(line: ChargeLine, charge: Charge) -> Json:
    """Build the parameters of a line; Mollie multiplies a price that contains the tax.

    If the product would differ, the line has quantity 1 and the quantity in its name.
    """
    step = step_minor("mollie", charge.currency)
    even = line.gross_minor % (line.quantity * step) == 0
    quantity = line.quantity if even else 1
    params: Json = {
        "description": line.name if even else f"{line.quantity} x {line.name}",
        "quantity": quantity,
        "unitPrice": _amount(line.gross_minor // quantity, charge.currency),
        "totalAmount": _amount(line.gross_minor, charge.currency),
    }
    if charge.rate_ppm is not None:
        params["vatRate"] = percentage(charge.rate_ppm)
        params["vatAmount"] = _amount(line.tax_minor, charge.currency)
    return params


def _amount(amount_minor: int, currency: str) -> Json:
    return {"currency": currency.upper(), "value": to_mollie(amount_minor, currency)}
