"""Set up a payment method: open the provider's page, then make the method the default.

Each step's key is recorded before its first call, so the job may crash between any two lines, run
twice, or run a day late. After the key's lifetime, a page opened with it is looked up first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.core.metadata import APP, SETUP
from domain.core.steps import StepPlan, StepRecord
from domain.gateway.errors import GatewayMisconfigured, GatewayRejected, GatewayUnavailable
from domain.gateway.objects import ProviderCustomer
from domain.gateway.port import SetupGateway
from domain.gateway.setups import ProviderMethod, SetupDraft, SetupSession
from domain.payment_methods.setup import (
    DEFAULTING,
    OPEN_PAGE,
    DefaultMethodPlan,
    MethodSetup,
    OpenPagePlan,
)
from domain.payment_methods.view import MethodSetupView
from workers.invoices.customers import TenantCustomers, credentials_rejected
from workers.invoices.rejections import RequestRejected
from workers.providers.key_trust import STRIPE_KEYS, KeyTrust

_STATES_THAT_COUNT: Final = ("complete", "open")
# The provider's name for its page.
_OUR_URLS: Final = frozenset({"success_url", "cancel_url", "redirectUrl"})


@dataclass(frozen=True, kw_only=True)
class SetupDeps:
    """Dependencies of the job. `heartbeat` is called between steps.

    `webhook_url`: receives changes of the page, for a provider that takes it per page.
    """

    billing: Billing
    gateway: SetupGateway
    customers: TenantCustomers
    now: Callable[[], datetime]
    heartbeat: Callable[[], None]
    keys: KeyTrust = STRIPE_KEYS
    webhook_url: str | None = None

    def start(
        self, setup: MethodSetup, step: str, *, plan: StepPlan, attempt: int = 1
    ) -> StepRecord:
        """Record a step before its first call; a repeat keeps the first record."""
        occurred_at = self.now()
        after = self.billing.change(
            MethodSetup,
            _id(setup),
            lambda known: known.start_step(
                step, occurred_at=occurred_at, plan=plan, attempt=attempt
            ),
        )
        return after.view.steps[step]

    def record_rejection(self, setup: MethodSetup, rejection: RequestRejected) -> None:
        """Record the provider's final rejection."""
        occurred_at = self.now()
        self.billing.change(
            MethodSetup,
            _id(setup),
            lambda known: known.reject(
                code=rejection.code,
                message=rejection.message,
                path=rejection.path,
                provider_code=rejection.provider_code,
                occurred_at=occurred_at,
            ),
        )


def set_up_method(setup_id: UUID, deps: SetupDeps) -> None:
    """Perform the step that is due, if any; raises GatewayUnavailable for a retry."""
    setup = deps.billing.get(MethodSetup, setup_id)
    try:
        match setup.step:
            case "open":
                _open(setup, deps)
            case "default":
                _make_default(setup, deps)
    except RequestRejected as rejection:
        deps.record_rejection(setup, rejection)
    except GatewayRejected as error:
        path = "redirectUrl" if error.param in _OUR_URLS else None
        deps.record_rejection(setup, RequestRejected.from_gateway(error, path=path))


def _open(setup: MethodSetup, deps: SetupDeps) -> None:
    view, begun = setup.view, setup.view.steps.get(OPEN_PAGE)
    if begun is None:
        plan = OpenPagePlan(customer=_customer_of(view, deps).id)
        begun = deps.start(setup, OPEN_PAGE, plan=plan)
    age = setup.step_age(OPEN_PAGE, occurred_at=deps.now())
    if deps.keys.must_look_up(age):
        found = _opened_before(setup, begun, deps)
        living = _that_counts(found)
        if living is not None:
            _record(setup, living, deps)
            return
        if found or deps.keys.is_expired(age):
            # Under the old key the provider would return the expired page again.
            plan = OpenPagePlan.of(begun)
            begun = deps.start(setup, OPEN_PAGE, plan=plan, attempt=begun.attempt + 1)
    deps.heartbeat()
    draft = SetupDraft(
        customer=OpenPagePlan.of(begun).customer,
        return_url=view.redirect_url,
        metadata={APP: str(view.app_id), SETUP: str(view.id)},
        webhook_url=deps.webhook_url,
    )
    _record(setup, deps.gateway.open_setup(draft, key=begun.key), deps)


def _customer_of(view: MethodSetupView, deps: SetupDeps) -> ProviderCustomer:
    """Fetch the tenant's customer; refused credentials end the setup."""
    try:
        return deps.customers.of_tenant(view.app_id, view.tenant_id, connection=view.connection)
    except GatewayMisconfigured as error:
        raise credentials_rejected(view.connection) from error


def _opened_before(setup: MethodSetup, begun: StepRecord, deps: SetupDeps) -> list[SetupSession]:
    """Find the pages that earlier tries created, whatever became of them."""
    customer = OpenPagePlan.of(begun).customer
    return deps.gateway.find_setups(customer=customer, reference=str(setup.id))


def _that_counts(found: list[SetupSession]) -> SetupSession | None:
    """Choose a page that is completed, or else one that is open."""
    living = [session for session in found if session.state in _STATES_THAT_COUNT]
    return min(living, key=lambda session: _STATES_THAT_COUNT.index(session.state), default=None)


def _record(setup: MethodSetup, session: SetupSession, deps: SetupDeps) -> None:
    occurred_at = deps.now()
    deps.billing.change(
        MethodSetup,
        _id(setup),
        lambda known: known.record_session(
            session, source="answer", actor=WORKER, occurred_at=occurred_at
        ),
    )


def _make_default(setup: MethodSetup, deps: SetupDeps) -> None:
    """Make the method the default, unless another was chosen after an earlier try."""
    view = setup.view
    assert view.session_id is not None, "what was left was left on a page"  # noqa: S101 - STYLE: assert what must hold
    assert view.customer is not None, "a page has a customer"  # noqa: S101 - as above
    method = deps.gateway.fetch_setup(view.session_id).method
    if method is None:
        raise GatewayUnavailable(f"the payment method of {view.session_id} is not available yet")
    before = deps.gateway.find_customer(view.customer).default_method or ""
    plan = DefaultMethodPlan(method=method.id, before=before)
    begun = deps.start(setup, DEFAULTING, plan=plan)
    if before in (DefaultMethodPlan.of(begun).before, "") and before != method.id:
        deps.heartbeat()
        deps.gateway.set_default_method(view.customer, method.id, key=begun.key)
    _complete(setup, method, deps)


def _complete(setup: MethodSetup, method: ProviderMethod, deps: SetupDeps) -> None:
    occurred_at = deps.now()
    deps.billing.change(
        MethodSetup,
        _id(setup),
        lambda known: known.record_completed(method, occurred_at=occurred_at),
    )


def _id(setup: MethodSetup) -> UUID:
    return UUID(str(setup.id))
