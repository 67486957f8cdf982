"""Fill the running system with a demo company: played at the sandbox, then imported."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from cli.common import BY, Operator, fail, now, vault
from cli.connections import Secrets, set_defaults, store
from cli.demo_company.actions import CompanyPlan
from cli.demo_company.api_requests import DemoCaller
from cli.demo_company.plan import make_plan
from cli.demo_company.play import SandboxCompany
from cli.demo_company.sandbox_admin import SandboxAdmin
from cli.import_ import run_import
from cli.keys import add_key
from cli.local.files import write_private
from cli.tenants_file import RejectedRow, TenantsImport, read_rows
from domain.apps.commands import CreateApp
from domain.apps.connection import Connection
from domain.core.providers import Provider
from workers.errors import OperatorError
from workers.providers.callback_urls import is_local
from workers.webhooks.registration import WebhookRegistration

if TYPE_CHECKING:
    from workers.history.import_run import ImportCheckpoint
    from workers.settings import Settings

STRIPE: Final = "stripe-1"
MOLLIE: Final = "mollie-1"
# The shares of the progress at the end of its parts.
_PLAYED: Final = 0.7
_STRIPE_IMPORTED: Final = 0.88
_IMPORTED: Final = 0.96

Report = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Fill:
    """A fill of an app of its own. `report` gets the phase and the finished share (0 to 1)."""

    operator: Operator
    settings: Settings
    slug: str
    file: Path
    seed: int
    months: int
    report: Report

    def run(self) -> dict[str, object]:
        """Make the company, write its ids and keys to `file` (0600), and return them.

        Raises OperatorError if a provider's address is not that of a sandbox on this machine.
        """
        until = now()
        plan = make_plan(seed=self.seed, months=self.months, until=until)
        with self._sandbox() as company:
            company.play(plan, report=lambda at: self._report_played(plan, at))
            app_id, made = self._make_app(company)
            rows = _tenants_file(plan, company)
            since_s = int((plan.start - timedelta(days=1)).timestamp())
            self._import(app_id, rows, since_s=since_s)
            self._notify(app_id, company)
            self._go_on(app_id, plan, company, made=made)
        self.report("done", 1.0)
        done = {**made, "filled_at": now().isoformat(timespec="seconds")}
        write_private(self.file, json.dumps(done, indent=2))
        return done

    @contextmanager
    def _sandbox(self) -> Iterator[SandboxCompany]:
        """Open two new accounts at the sandbox; their keys are of test mode."""
        bases = {"stripe": self.settings.stripe_api_base, "mollie": self.settings.mollie_api_base}
        for provider, base in bases.items():
            if not is_local(base):
                raise OperatorError(
                    f"the demo company is made at a sandbox on this machine alone, and "
                    f"BILLHOOK_{provider.upper()}_API_BASE is {base}"
                )
        keys = {
            "stripe": f"sk_test_{secrets.token_hex(12)}",
            "mollie": f"test_{secrets.token_hex(15)}",
        }
        with ExitStack() as stack:
            admins = {
                provider: stack.enter_context(
                    SandboxAdmin(bases[provider], provider=provider, key=key)
                )
                for provider, key in keys.items()
            }
            for admin in admins.values():
                admin.check()
            yield SandboxCompany(
                stripe_key=keys["stripe"],
                mollie_key=keys["mollie"],
                stripe_api_base=bases["stripe"],
                mollie_api_base=bases["mollie"],
                stripe_admin=admins["stripe"],
                mollie_admin=admins["mollie"],
            )

    def _report_played(self, plan: CompanyPlan, at: datetime) -> None:
        share = (at - plan.start) / (plan.until - plan.start)
        self.report(f"{at:%B %Y}", _PLAYED * share)

    def _make_app(self, company: SandboxCompany) -> tuple[UUID, dict[str, object]]:
        """Create the app once its accounts have a past: nothing looks at them before."""
        operator, app_id = self.operator, uuid4()
        name = "Demo company" + self.slug.removeprefix("demo-company").replace("-", " ")
        command = CreateApp(app_id=app_id, name=name, slug=self.slug, actor=BY)
        operator.billing.create_app(command, occurred_at=now())
        made: dict[str, object] = {
            "app_id": str(app_id),
            "app_slug": self.slug,
            "read_key": add_key(operator, app_id, kind="read", name="demo company").text,
            "write_key": add_key(operator, app_id, kind="write", name="demo company").text,
            "admin_key": add_key(operator, app_id, kind="admin", name="demo company").text,
            "base_url": self.settings.public_url.rstrip("/"),
            "stripe_key": company.stripe_key,
            "mollie_key": company.mollie_key,
            "stripe_connection": STRIPE,
            "mollie_connection": MOLLIE,
            "seed": self.seed,
            "months": self.months,
        }
        write_private(self.file, json.dumps(made, indent=2))
        self._connect(app_id, STRIPE, "stripe", company.stripe_key)
        self._connect(app_id, MOLLIE, "mollie", company.mollie_key)
        return app_id, made

    def _connect(self, app_id: UUID, name: str, provider: Provider, key: str) -> None:
        secrets_ = Secrets(key=key, webhook_secrets=[])
        connection = store(
            self.operator, app_id, name, secrets=secrets_, provider=provider, redirect_url=None
        )
        set_defaults(self.operator, self.operator.app(app_id), connection, requested=True)

    def _import(self, app_id: UUID, rows: list[str], *, since_s: int) -> None:
        """Import tenants, then both accounts, as `billhook import` does."""
        importing = TenantsImport(
            billing=self.operator.billing,
            stored_body=self.operator.log.body,
            app_id=app_id,
            occurred_at=now(),
            actor=BY,
            dry_run=False,
        )
        for result in importing.run(read_rows(rows, connections=[STRIPE, MOLLIE])):
            if isinstance(result, RejectedRow):
                fail(f"line {result.line}: {'; '.join(result.errors)}")
        parts = ((STRIPE, _PLAYED, _STRIPE_IMPORTED), (MOLLIE, _STRIPE_IMPORTED, _IMPORTED))
        for name, begin, end in parts:
            run_import(
                self.operator,
                self.operator.connection(app_id, name),
                since_s,
                dry_run=False,
                report=partial(self._report_imported, name, begin, end),
            )

    def _report_imported(
        self, name: str, begin: float, end: float, _: ImportCheckpoint, share: float
    ) -> None:
        self.report(f"importing {name}", begin + (end - begin) * share)

    def _notify(self, app_id: UUID, company: SandboxCompany) -> None:
        """Enable the webhooks of both accounts."""
        base_url = self.settings.public_url.rstrip("/")
        self._registration(self.operator.connection(app_id, STRIPE)).register(base_url, renew=False)
        mollie = self.operator.connection(app_id, MOLLIE)
        company.mollie.notify_at(f"{base_url}/webhooks/mollie/{mollie.connection_id}")

    def _go_on(
        self,
        app_id: UUID,
        plan: CompanyPlan,
        company: SandboxCompany,
        *,
        made: Mapping[str, object],
    ) -> None:
        """Run actions whose events arrive by webhooks, and request invoices from the API."""
        keys = {name: str(made[name]) for name in ("read_key", "write_key")}
        with DemoCaller(self.settings.public_url, app_id=app_id, **keys) as caller:
            caller.await_access()
            for step in plan.present:
                company.perform(step)
            for number, request in enumerate(plan.requests):
                self.report("requesting invoices", _IMPORTED + number / 100)
                tax_rate = company.stripe.tax_rate(request.customer.country)
                caller.request(request, price=company.stripe.one_time_price, tax_rate=tax_rate)

    def _registration(self, connection: Connection) -> WebhookRegistration:
        return WebhookRegistration(
            connection,
            billing=self.operator.billing,
            vault=vault(),
            api_base=self.settings.stripe_api_base,
            now=now,
        )


def _tenants_file(plan: CompanyPlan, company: SandboxCompany) -> list[str]:
    """Write the customers as a file of tenants; returns its lines."""
    ids: Mapping[str, Mapping[int, str]] = {
        "stripe": company.stripe.customer_ids,
        "mollie": company.mollie.customer_ids,
    }
    text = io.StringIO()
    columns = ["tenant_uuid", "name", "email", "country"]
    writer = csv.writer(text)
    writer.writerow([*columns, f"customer:{STRIPE}", f"customer:{MOLLIE}"])
    for customer in plan.customers:
        found = ids[customer.provider].get(customer.number)
        if found is None:  # joins after the end
            continue
        linked = [found, ""] if customer.provider == "stripe" else ["", found]
        contact = [customer.name, customer.email, customer.country]
        writer.writerow([customer.tenant_id, *contact, *linked])
    return text.getvalue().splitlines(keepends=True)
