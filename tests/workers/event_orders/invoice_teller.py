"""Environment in which a scenario of one invoice happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from domain.core import ids
from domain.invoices.commands import RequestRefund
from domain.tenants.tenant import Tenant
from tests.support.sandbox import SandboxAdmin
from tests.workers.crash_grids.environment import die_inside
from tests.workers.crash_grids.stripe_invoice_flows import LINES, Job
from tests.workers.crash_grids.stripe_invoice_steps import STEPS
from tests.workers.event_orders.recording import Recording
from tests.workers.stripe_harness import Bench

CHARGE: Final = STEPS["charge by price"]
DRAFT: Final = STEPS["draft charged later"]
PAY: Final = CHARGE.index("post /v1/invoices/*/pay")
FINALIZE: Final = CHARGE.index("post /v1/invoices/*/finalize")


@dataclass
class Teller:
    """Environment of a scenario: a bench, an account with its own clock, one invoice."""

    bench: Bench
    same_second: bool
    story: Recording = field(init=False)

    @property
    def admin(self) -> SandboxAdmin:
        """The provider's dashboard, banks and customers."""
        return self.bench.account.admin

    @property
    def occurred_at(self) -> str:
        """The provider's id of the invoice."""
        return self.story.at_provider

    def charge(self, card: str | None, *, price: int = 1999, before: int = PAY) -> Job:
        """Request a charge, and start recording when its job is about to charge."""
        tenant_id = self.bench.add_tenant(card)
        customer = self._customer(tenant_id)
        line = {"quantity": 1, "price": self.bench.account.add_price(price)}
        job = Job(self.bench.request(tenant_id, line), customer)
        die_inside(self.bench, job, before)
        self.story = Recording(self.bench, self.same_second, job.invoice_id)
        return job

    def debit(self, iban: str) -> Job:
        """As `charge`, from a bank account."""
        v1 = self.bench.account.v1
        details: Any = {"name": "Ada Lovelace", "email": "ada@example.org"}
        method = v1.payment_methods.create(
            {"type": "sepa_debit", "sepa_debit": {"iban": iban}, "billing_details": details}
        ).id
        tenant_id = self.bench.add_tenant(None)
        customer = self._customer(tenant_id)
        v1.payment_methods.attach(method, {"customer": customer})
        settings: Any = {"invoice_settings": {"default_payment_method": method}}
        v1.customers.update(customer, settings)
        job = Job(self.bench.request(tenant_id), customer)
        die_inside(self.bench, job, PAY)
        self.story = Recording(self.bench, self.same_second, job.invoice_id)
        return job

    def draft(self, card: str) -> Job:
        """Request a draft that Stripe charges; start recording before its creation is recorded."""
        customer = self.bench.account.add_customer(card)
        job = Job(self.bench.request_draft("draft", customer, *LINES), customer)
        die_inside(self.bench, job, DRAFT.index("get /v1/invoices/*"))
        self.story = Recording(self.bench, self.same_second, job.invoice_id)
        return job

    def charged(self, card: str | None) -> Job:
        """Charge to the end; what follows is the story."""
        job = self.charge(card)
        job.run(self.bench)
        return job

    def start_recording(self, job: Job | None = None) -> None:
        """Begin the story, with our own job if it is not done yet."""
        self.story.start_recording()
        if job is not None:
            self.story.do(job)

    def then(self, action: Callable[..., Any], *args: Any, **given: Any) -> Any:
        """Run an action of another person."""
        answers: list[Any] = []
        self.story.act(lambda: answers.append(action(*args, **given)))
        return answers[0]

    def refund(self, job: Job, amount: int, *, credit_note: bool = True) -> Job:
        """Request a refund; its job has not run yet."""
        refund_id = self.bench.request_action(
            job.invoice_id, RequestRefund, amount_minor=amount, credit_note=credit_note
        )
        return Job(job.invoice_id, job.customer, refund_id)

    def _customer(self, tenant_id: UUID) -> str:
        tenant = self.bench.billing.get(Tenant, ids.for_tenant(self.bench.app_id, tenant_id))
        return str(tenant.customers[self.bench.connection])
