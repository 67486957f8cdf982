from dataclasses import dataclass

from service.apps.context import AppsContext
from service.auth.context import AuthContext
from service.catalogue.context import CatalogueContext
from service.dashboard.context import DashboardContext
from service.dialects.context import DialectsContext
from service.invoices.context import InvoicesContext
from service.operations.context import OperationsContext
from service.payment_methods.context import PaymentMethodsContext
from service.recording.context import RecordingContext
from service.reports.context import ReportsContext
from service.settings import Settings
from service.subscriptions.context import SubscriptionsContext
from service.tenants.context import TenantsContext
from service.webhooks.context import WebhooksContext
from service.work.context import WorkContext


@dataclass(frozen=True, kw_only=True)
class Context:
    """Dependencies of all endpoints, by capability; the composition root builds one at startup.

    Endpoints take the context of their own capability; only the application and tests use this one.
    """

    settings: Settings
    auth: AuthContext
    recording: RecordingContext
    operations: OperationsContext
    apps: AppsContext
    catalogue: CatalogueContext
    tenants: TenantsContext
    invoices: InvoicesContext
    subscriptions: SubscriptionsContext
    payment_methods: PaymentMethodsContext
    reports: ReportsContext
    webhooks: WebhooksContext
    work: WorkContext
    dialects: DialectsContext
    dashboard: DashboardContext
