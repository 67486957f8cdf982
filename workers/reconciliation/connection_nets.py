"""Build the parts of reconciliation of one connection, from what the process shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core.providers import Mode, Provider
from domain.inbox.commands import FoundBy
from eventlog.log import Log
from eventlog.security.vault import Vault
from projections.reconciliation.provider_objects import ProviderObjectQueries
from projections.work.checkpoints import Checkpoints
from projections.work.open_items import OpenItems
from workers.provider_objects.import_object import ProviderAccount
from workers.provider_objects.same_account import require_same_account
from workers.providers.gateways import Gateways, open_key
from workers.providers.mollie.gateway import MollieGateway
from workers.providers.mollie.history import MollieHistory
from workers.providers.retry import RetryingCaller, Span
from workers.providers.stripe.audit_lists import StripeAuditLists
from workers.providers.stripe.event_list import StripeEventList
from workers.providers.stripe.gateway import StripeGateway
from workers.reconciliation.audit_run import AuditRun, Report, checkpoint_name, unreported
from workers.reconciliation.compare import Compare
from workers.reconciliation.event_catch_up import EventCatchUp, no_audit
from workers.reconciliation.inbox import ACTOR, Finding, ReconciliationInbox, ignore
from workers.reconciliation.known_objects import KnownObjects
from workers.reconciliation.mollie_audit import MollieAudit
from workers.reconciliation.mollie_catch_up import MollieCatchUp
from workers.reconciliation.open_items import OpenItemCheck
from workers.reconciliation.stripe_audit import StripeAudit
from workers.settings import Settings

# After a longer Retry-After the connection is tried later, and its thread is free for others.
_LONGEST_WAIT_S: Final = 5.0

CatchUp = EventCatchUp | MollieCatchUp


@dataclass(frozen=True, kw_only=True)
class SharedParts:
    """Dependencies shared by connections; `should_stop` is called between two pages."""

    settings: Settings
    log: Log
    billing: Billing
    vault: Vault
    gateways: Gateways
    checkpoints: Checkpoints
    by_object: ProviderObjectQueries
    items: OpenItems
    now: Callable[[], datetime]
    should_stop: Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class ConnectionNets:
    """The parts of one connection. `report` gets each finding; a dry run records nothing."""

    connection: Connection
    shared: SharedParts
    report: Callable[[Finding], None] = ignore
    dry_run: bool = False

    def require_same_account(self) -> None:
        """Check that the key's account is the one whose objects are known here.

        What another one has would be imported. Raises GatewayMisconfigured, GatewayUnavailable.
        """
        connection, shared = self.connection, self.shared
        customer = shared.by_object.newest_customer(connection.app_id, connection.name)
        gateway = shared.gateways.of(connection.app_id, connection.name)
        require_same_account(customer, gateway)

    def catch_up(self, *, plan_audit: Callable[[Span], None]) -> CatchUp:
        """Build the catch-up on what happened since the last one.

        `plan_audit`: has a time audited that the provider's list of events has no longer.
        """
        created_s = int(self.connection.created_on.timestamp())
        if self.connection.provider == "mollie":
            return MollieCatchUp(
                audit=self._mollie_audit(
                    f"catch_up_lists:{self.connection.connection_id}", found_by="event_catch_up"
                ),
                checkpoints=self.shared.checkpoints,
                since_s=created_s,
            )
        return self._event_catch_up(created_s, plan_audit=plan_audit)

    def undelivered(self) -> EventCatchUp:
        """Build the catch-up on the events that Stripe could not deliver."""
        return self._event_catch_up(int(self.connection.created_on.timestamp()), undelivered=True)

    def audit(self, *, name: str | None = None, progress: Report = unreported) -> AuditRun:
        """Build the audit. `name`: of a checkpoint apart from that of the daily audit."""
        name = name or checkpoint_name(self.connection.connection_id)
        if self.connection.provider == "mollie":
            return self._mollie_audit(name, found_by="audit", progress=progress)
        shared = self.shared
        return StripeAudit(
            name=name,
            inbox=self._inbox("audit"),
            checkpoints=shared.checkpoints,
            report=progress,
            should_stop=shared.should_stop,
            lists=StripeAuditLists(
                self._key(),
                api_base=shared.settings.stripe_api_base,
                mode=self._mode,
                await_rate_limit=shared.gateways.rate_limit_for(self.connection),
                call_with_retries=RetryingCaller(tries=2, longest_wait_s=_LONGEST_WAIT_S),
            ),
            gateway=cast("StripeGateway", self._gateway()),
            compare=self._compare(),
        )

    def open_items(self) -> OpenItemCheck:
        """Build the check of open items."""
        return OpenItemCheck(
            gateway=self._gateway(),
            compare=self._compare(),
            inbox=self._inbox("open_items"),
            items=self.shared.items,
            now=self.shared.now,
            should_stop=self.shared.should_stop,
        )

    def _event_catch_up(
        self,
        created_s: int,
        *,
        undelivered: bool = False,
        plan_audit: Callable[[Span], None] = no_audit,
    ) -> EventCatchUp:
        shared = self.shared
        return EventCatchUp(
            events=StripeEventList(
                self._key(),
                api_base=shared.settings.stripe_api_base,
                mode=self._mode,
                await_rate_limit=shared.gateways.rate_limit_for(self.connection),
            ),
            inbox=self._inbox("event_catch_up"),
            checkpoints=shared.checkpoints,
            since_s=created_s,
            undelivered=undelivered,
            should_stop=shared.should_stop,
            plan_audit=plan_audit,
        )

    def _mollie_audit(
        self, name: str, *, found_by: FoundBy, progress: Report = unreported
    ) -> MollieAudit:
        shared = self.shared
        return MollieAudit(
            name=name,
            inbox=self._inbox(found_by),
            checkpoints=shared.checkpoints,
            report=progress,
            should_stop=shared.should_stop,
            lists=MollieHistory(
                self._key(),
                api_base=shared.settings.mollie_api_base,
                mode=self._mode,
                await_rate_limit=shared.gateways.rate_limit_for(self.connection),
            ),
            compare=self._compare(),
        )

    @property
    def _mode(self) -> Mode:
        return cast("Mode", self.connection.mode)

    def _key(self) -> str:
        return open_key(self.connection, self.shared.vault)

    def _gateway(self) -> StripeGateway | MollieGateway:
        connection = self.connection
        found = self.shared.gateways.of(connection.app_id, connection.name)
        return cast("StripeGateway | MollieGateway", found)

    def _inbox(self, found_by: FoundBy) -> ReconciliationInbox:
        return ReconciliationInbox(
            connection=self.connection,
            billing=self.shared.billing,
            streams=self.shared.log,
            found_by=found_by,
            now=self.shared.now,
            report=self.report,
            dry_run=self.dry_run,
        )

    def _compare(self) -> Compare:
        connection = self.connection
        account = ProviderAccount(
            app_id=connection.app_id,
            provider=cast("Provider", connection.provider),
            connection=connection.name,
            connection_id=connection.connection_id,
            mode=self._mode,
            actor=ACTOR,
        )
        known = KnownObjects(account, self.shared.log, self.shared.by_object)
        return Compare(known, now=self.shared.now, import_payments=connection.import_payments)
