"""Environment in which a scenario of a customer's subscriptions happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid4

from domain.core import ids
from domain.subscriptions.commands import SubscriptionCommand
from domain.tenants.tenant import Tenant
from tests.support.sandbox import SandboxAdmin
from tests.support.stripe_account import CARDS
from tests.workers.crash_grids.stripe_invoice_flows import Job
from tests.workers.crash_grids.stripe_subscription_flows import Change
from tests.workers.event_orders.customer_life import Life
from tests.workers.stripe_harness import Bench

DAY: Final = timedelta(days=1)


@dataclass
class Narrator:
    """Environment of a scenario: an account with its own clock, a tenant with a customer."""

    bench: Bench
    same_second: bool
    life: Life = field(init=False)

    @property
    def admin(self) -> SandboxAdmin:
        """The provider's dashboard, banks and customers."""
        return self.bench.account.admin

    def tenant(self, card: str | None = "succeeds", *, linked: bool = True) -> UUID:
        """Make who is billed; `linked`: we know the customer."""
        tenant_id = self.bench.add_tenant(card, linked=linked)
        if linked:
            known = self.bench.billing.get(Tenant, ids.for_tenant(self.bench.app_id, tenant_id))
            customer = str(known.customers[self.bench.connection])
        else:
            customer = self.bench.account.add_customer(card)
        ours = frozenset({ids.for_tenant(self.bench.app_id, tenant_id)})
        self.life = Life(self.bench, self.same_second, uuid4(), customer=customer, ours=ours)
        return tenant_id

    def price(self, amount: int = 1999) -> str:
        """Make a monthly price."""
        return self.bench.account.add_price(amount, recurring={"interval": "month"})

    def request_subscription(self, card: str | None = "succeeds", **more: Any) -> Job:
        """Request a subscription; its job has not run yet."""
        tenant_id = self.tenant(card)
        self.life.invoice_id = self.bench.subscribe(tenant_id, self.price(), **more)
        self.life.ours |= {self.life.invoice_id}
        return Job(self.life.invoice_id, self.life.customer)

    def start(self) -> None:
        """Start one before the story begins."""
        self.request_subscription().run(self.bench)

    def request_action(self, kind: type[SubscriptionCommand], **more: Any) -> Job:
        """Request an action on it; its job has not run yet."""
        known = UUID(str(self.bench.subscription(self.life.invoice_id).id))
        facts: dict[str, Any] = {"request_hash": "hash", "actor": "key:test", **more}
        command = kind(subscription_id=known, request_id=uuid4(), **facts)
        self.bench.billing.request_subscription_action(command, occurred_at=self.bench.clock())
        return Change(self.life.invoice_id, self.life.customer, subscription_id=known)

    def start_recording(self, job: Job | None = None, *, early: bool = False) -> None:
        """Begin the story, with our own job if there is one."""
        self.life.start_recording(early=early)
        if job is not None:
            self.life.do(job)

    def then(self, action: Callable[..., Any], *args: Any, **given: Any) -> None:
        """Run an action of another person."""
        self.life.act(lambda: action(*args, **given))

    def later(self, *waits: timedelta) -> None:
        """Advance the clocks."""
        for wait in waits:
            self.then(self.admin.set_clock, advance_s=wait.total_seconds())

    def renew(self) -> None:
        """Advance a month: the renewal is drafted, and charged an hour later."""
        self.later(31 * DAY, timedelta(hours=2))

    @property
    def subscription(self) -> str:
        """The provider's id of it."""
        return next(one for one in self.life.listed() if one.startswith("sub_"))

    @property
    def first(self) -> str:
        """The provider's id of its first invoice."""
        return str(self.bench.invoice(self.life.invoice_id).view.provider_object_id)

    def update(self, **fields: Any) -> None:
        """Change it at the provider."""
        self.then(
            self.bench.account.v1.subscriptions.update, self.subscription, cast("Any", fields)
        )

    def pay_with(self, card: str) -> None:
        """Set another default card."""
        attach: Any = {"customer": self.life.customer}
        method = self.bench.account.v1.payment_methods.attach(CARDS[card], attach).id
        self.update(default_payment_method=method)
