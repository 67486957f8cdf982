"""Invoices of a company that grows for three years, with payments, declines, refunds, disputes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import orjson

from domain.invoices.view import Dispute, InvoiceView, PaidPart, Payment, Refund
from projections.engine.view_codec import from_json, to_json
from projections.invoices.accumulate import InvoiceAccumulator
from projections.invoices.facets import facet_of
from projections.invoices.search_terms import index_terms, term_sources
from projections.reports import invoice_sums
from projections.reports.invoice_sums import Part
from projections.reports.time_units import quarter_of

TENANTS: Final = 2_000
END: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
PERIOD_S: Final = 3 * 365 * 24 * 3600
COPIES: Final = 10
"""Invoices that are alike but for their ids, numbers and times: only the first is made here."""
MOST_MADE: Final = 20_000
"""More invoices than this are more copies, so that filling takes the database's time alone."""
POSITIONS: Final = 8
"""Positions of the log that an invoice takes."""
_SHIFT_QUARTERS: Final = 13
_SEED: Final = 17
# Shares in percent. Words and values are common, rare, or in one invoice alone.
CONNECTIONS: Final = {"stripe-1": 70, "stripe-live": 15, "mollie-1": 15}
_STATUSES: Final = {
    "paid": 82, "open": 5, "failed": 4, "void": 3, "uncollectible": 2, "draft": 1.5,
    "canceled": 1, "expired": 0.5, "processing": 0.5, "requires_action": 0.5,
}  # fmt: skip
CURRENCIES: Final = {"eur": 70, "usd": 20, "gbp": 7, "chf": 2.5, "jpy": 0.5}
_KINDS: Final = {
    ("payment", "request"): 45, ("subscription", "renewal"): 35, ("payment", "import"): 10,
    ("subscription", "request"): 5, ("payment", "provider"): 5,
}  # fmt: skip
_METHODS: Final = {
    "card": 55, "sepa_debit": 20, "ideal": 12, "paypal": 6, "bancontact": 4, "klarna": 2, "link": 1,
}  # fmt: skip
_REASONS: Final = {
    "insufficient_funds": 40, "generic_decline": 25, "expired_card": 15, "do_not_honor": 10,
    "lost_card": 4, "stolen_card": 3, "incorrect_cvc": 3,
}  # fmt: skip
COLORS: Final = ("blue", "red", "green", "black", "white")
THINGS: Final = ("chair", "table", "lamp", "shelf", "desk", "sofa", "bed", "rug")
REGIONS: Final = ("north", "south", "east", "west")
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNPAID: Final = frozenset({"open", "failed", "processing", "requires_action"})
_DECLINED_FIRST: Final = 0.06
_REFUNDED: Final = 0.03
_DISPUTED: Final = 0.004


@dataclass(slots=True)
class FilledInvoice:
    """An invoice on its way into the tables, with what happened to it: type, time and data."""

    view: InvoiceView
    position: int
    happened: list[tuple[str, datetime, dict[str, Any]]] = field(default_factory=list)

    def accumulated(self) -> InvoiceAccumulator:
        """Return it as the projection has it after its events."""
        view = self.view
        parts = invoice_sums.parts_of(view)
        for kind, occurred_at, data in self.happened:
            if kind == "invoice.payment_failed" and view.currency is not None:
                quarter = quarter_of(occurred_at)
                part = Part(view.currency, "refused", quarter, data["declineCode"])
                parts[part] = (data["amountMinor"], 1)
        return InvoiceAccumulator(
            view,
            3,
            self.position,
            terms=dict.fromkeys(index_terms(term_sources(view)), self.position),
            changes=invoice_sums.changes({}, parts, position=self.position),
            counted=[(facet_of(view), 1, self.position)],
        )

    def entries(self) -> Iterator[dict[str, object]]:
        """Yield the rows of its timeline."""
        for step, (kind, occurred_at, data) in enumerate(self.happened):
            yield {
                "subject_id": self.view.id,
                "position": self.position + step,
                "app_id": self.view.app_id,
                "kind": "invoice",
                "type": kind,
                "occurred_at": occurred_at,
                "actor": "worker",
                "data": orjson.dumps(data),
            }


def copies_of(rows: int) -> int:
    """Return how many invoices each is that is made, itself included."""
    return max(COPIES, rows // MOST_MADE)


def shift_quarters(copies: int) -> int:
    """Return the quarters of an hour from one copy to the next: all are of one or two days."""
    return max(_SHIFT_QUARTERS * COPIES // copies, 1)


class Company:
    """Makes the same invoices in each run, up to today."""

    def __init__(self, template: InvoiceView, *, position: int, copies: int) -> None:
        self._chance = Random(_SEED)  # noqa: S311 - no secret
        self._template = to_json(template)
        self._position = position
        self._positions = POSITIONS * copies

    def invoice(self, number: int, *, of: int) -> FilledInvoice:
        """Return the invoice with a number, out of so many that are not copies."""
        chance = self._chance
        view = from_json(self._template)
        tenant = int(TENANTS * chance.random() ** 3)
        created_at = END - timedelta(seconds=PERIOD_S * (1 - math.sqrt((number + 0.5) / of)))
        view.id = UUID(int=chance.getrandbits(128), version=4)
        view.created_at = view.issued_at = created_at.replace(microsecond=0)
        view.connection = one_of(chance, CONNECTIONS)
        view.provider = view.connection.partition("-")[0]
        view.mode = "live" if view.connection == "stripe-live" else "test"
        view.type, view.origin = one_of(chance, _KINDS)
        view.status = one_of(chance, _STATUSES)
        view.currency = one_of(chance, CURRENCIES)
        view.tenant_id = None if chance.random() < 0.01 else UUID(int=tenant + 1)
        view.user_id = f"user_{tenant}_{chance.randrange(5)}" if chance.random() < 0.5 else None
        view.customer = f"cus_{tenant:05d}{view.connection[-1]}{chance.randrange(3)}"
        if view.type == "subscription":
            view.subscription_id = f"sub_{tenant:05d}{chance.randrange(20):02d}"
        view.number = f"INV-{created_at.year}-{number:07d}"
        letters = "".join(chance.choices(_LETTERS, k=14))
        view.provider_object_id = f"in_1{letters}" if view.provider == "stripe" else f"tr_{letters}"
        view.metadata = {
            "order": f"{chance.choice(COLORS)} {chance.choice(THINGS)} {number % 5_000}",
            "region": chance.choice(REGIONS),
        }
        self._position += self._positions
        made = FilledInvoice(view, self._position)
        self._set_money(made)
        return made

    def _set_money(self, made: FilledInvoice) -> None:
        chance, view = self._chance, made.view
        view.total_minor = int(min(chance.lognormvariate(8.5, 1.2), 9e7))
        view.amount_paid_minor, view.amount_due_minor, view.paid_at = 0, 0, None
        view.payments, view.paid_parts = [], []
        requested = {"amountMinor": view.total_minor}
        made.happened.append(("invoice.requested", view.created_at, requested))
        if view.status == "failed" or (view.status == "paid" and self._is(_DECLINED_FIRST)):
            reason = one_of(chance, _REASONS)
            data = requested | {"code": "card_declined", "declineCode": reason}
            made.happened.append(("invoice.payment_failed", view.created_at, data))
        if view.status == "paid":
            self._pay(made)
        elif view.status in _UNPAID:
            view.amount_due_minor = view.total_minor

    def _pay(self, made: FilledInvoice) -> None:
        view = made.view
        total_minor = view.total_minor or 0
        later_s = int(self._chance.expovariate(1 / 90_000))
        paid_at = view.paid_at = view.created_at + timedelta(seconds=later_s)
        method = one_of(self._chance, _METHODS)
        view.amount_paid_minor = total_minor
        view.paid_parts = [PaidPart(paid_at=paid_at, amount_minor=total_minor)]
        payment = Payment(
            id="pi_1", status="paid", updated_at=paid_at, amount_minor=total_minor, method=method
        )
        view.payments = [payment]
        data = {"amountMinor": total_minor, "method": method, "paidAt": int(paid_at.timestamp())}
        made.happened.append(("invoice.payment_succeeded", paid_at, data))
        if self._is(_REFUNDED):
            self._refund(made, paid_at)
        elif self._is(_DISPUTED):
            self._dispute(made, paid_at)

    def _refund(self, made: FilledInvoice, paid_at: datetime) -> None:
        view, refund_id = made.view, str(UUID(int=self._chance.getrandbits(128), version=4))
        refunded_at = paid_at + timedelta(days=self._chance.random() * 20)
        minor = max((view.total_minor or 0) // self._chance.randrange(1, 4), 1)
        view.refunds = [
            Refund(
                id=refund_id,
                status="succeeded",
                amount_minor=minor,
                updated_at=refunded_at,
                refunded_at=refunded_at,
            )
        ]
        view.amount_refunded_minor = minor
        data = {"refundId": refund_id, "amountMinor": minor}
        made.happened.append(("invoice.refund_requested", refunded_at, data))
        data = data | {"refundedAt": int(refunded_at.timestamp())}
        made.happened.append(("invoice.refund_succeeded", refunded_at, data))

    def _dispute(self, made: FilledInvoice, paid_at: datetime) -> None:
        view, disputed_at = made.view, paid_at + timedelta(days=self._chance.random() * 20)
        minor, state = view.total_minor or 0, self._chance.choice(["won", "lost", "open"])
        dispute = Dispute(id="dp_1", status=state, amount_minor=minor, disputed_at=disputed_at)
        view.disputes, view.dispute_status = [dispute], state
        data = {"amountMinor": minor, "disputedAt": int(disputed_at.timestamp())}
        made.happened.append(("invoice.dispute_opened", disputed_at, data))
        if state != "open":
            made.happened.append((f"invoice.dispute_{state}", disputed_at, data))

    def _is(self, share: float) -> bool:
        return self._chance.random() < share


def one_of(chance: Random, shares: Mapping[Any, float]) -> Any:
    """Draw a value by its share."""
    return chance.choices(list(shares), weights=list(shares.values()))[0]
