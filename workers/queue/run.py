"""Run jobs: take a message, claim its row, do the job, put off what could not be done yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker

from domain.core.errors import StaleWrite
from domain.gateway.objects import GatewayError, GatewayMisconfigured, GatewayUnavailable
from domain.inbox.provider_event import ProviderEvent
from eventlog.errors import LogUnavailable
from eventlog.process.heartbeat import beat_until
from projections.work.provider_lookup import ACTOR as ANSWER_ASK
from projections.work.provider_lookup import QUEUE as ASKS
from projections.work.table import Job, WorkUnavailable
from workers.invoices.charge_invoice import charge_invoice
from workers.invoices.job import InvoicingDeps
from workers.invoices.provider_lookup import answer_lookup
from workers.invoices.refund import refund_invoice
from workers.payments.actions import cancel_other_payments, charge_or_perform_action
from workers.payments.checkout import CheckoutDeps
from workers.payments.refund_overpayment import refund_overpayment
from workers.payments.setup_method import set_up_method
from workers.provider_objects.assign_to_tenant import ReadModelBehind, assign_to_tenant
from workers.queue import subscription_reactions
from workers.queue.broker import open_broker
from workers.queue.hint_reactions import ACTOR as APPLY_HINT
from workers.queue.job_dependencies import Desks, uses_payments
from workers.queue.payment_reactions import CANCEL_LEFT_OVER, RETURN_OVERPAID
from workers.queue.reactions import EVENTS, REQUESTS
from workers.queue.retries_exhausted import give_up
from workers.queue.setup_reactions import ACTOR as SET_UP_METHOD
from workers.queue.tenant_reactions import ASSIGN
from workers.runtime import Runtime, open_runtime, utc_now
from workers.settings import Settings
from workers.subscriptions.change import SubscriptionDeps, change_subscription
from workers.subscriptions.mollie_change import change_mandate_subscription
from workers.subscriptions.mollie_common import MandateSubscriptionDeps
from workers.subscriptions.mollie_start import mark_subscription_not_started, start_subscription
from workers.subscriptions.mollie_watch import check_subscription
from workers.webhooks.fetch_and_apply import fetch_and_apply
from workers.webhooks.mollie_payment import apply_payment_event, apply_payment_hint

_log = structlog.get_logger("billhook.jobs")

_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 900.0
_MISCONFIGURED_BACKOFF_S: Final = 60.0
_IDLE_PICKUP_MS: Final = 20


def backoff_s(tries: int) -> float:
    """Return the pause after so many tries: doubling from half a second to 15 minutes."""
    return min(_FIRST_BACKOFF_S * 2.0 ** min(tries, 16), _LONGEST_BACKOFF_S)


class Jobs:
    """The jobs by their actors' names, over one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._desks = Desks(runtime)
        self._by_actor: dict[str, Callable[[Job], None]] = {
            "settle_invoice": self._settle,
            "refund_invoice": self._refund,
            "change_subscription": self._change_subscription,
            SET_UP_METHOD: self._set_up_method,
            "apply_by_asking": self._ask,
            APPLY_HINT: self._hear,
            CANCEL_LEFT_OVER: self._cancel_left_over,
            RETURN_OVERPAID: self._return_overpaid,
            ANSWER_ASK: self._answer,
            ASSIGN: self._assign,
            **dict.fromkeys(subscription_reactions.ACTORS, self._recur),
        }

    def run(self, job_id: int, sends: int) -> None:
        """Do one job. Nothing escapes: what fails is put off with its reason."""
        try:
            job = self._runtime.work.claim(job_id, sends=sends)
            if job is not None:
                self._do(job)
        except (WorkUnavailable, LogUnavailable) as error:
            # The row stays open and is sent again.
            _log.warning("job.database_away", job=job_id, error=type(error).__name__)

    def _do(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(job=job.key):
            try:
                self._by_actor[job.actor](job)
            except GatewayError as error:
                self._put_off(job, error)
            except (WorkUnavailable, LogUnavailable):
                raise
            except (StaleWrite, ReadModelBehind) as error:
                self._runtime.work.postpone(
                    job.id, delay_s=_FIRST_BACKOFF_S, counted=False, error=type(error).__name__
                )
            except Exception as error:  # noqa: BLE001 - the process's edge: a job never ends it
                _log.exception("job.failed", actor=job.actor)
                self._put_off(job, error)
            else:
                self._runtime.work.finish(job)

    def _put_off(self, job: Job, error: Exception) -> None:
        counted, delay_s = True, backoff_s(job.tries)
        if isinstance(error, GatewayUnavailable):
            counted, delay_s = error.counted, error.retry_after_s or delay_s
        elif isinstance(error, GatewayMisconfigured):
            delay_s = max(delay_s, _MISCONFIGURED_BACKOFF_S)
            _log.error("job.misconfigured", error=str(error))
        reason = f"{type(error).__name__}: {error}"
        _log.info("job.put_off", tries=job.tries, delay_s=delay_s, reason=reason)
        if counted and job.tries + 1 >= self._runtime.max_tries:
            give_up(job, reason, self._runtime.billing, occurred_at=utc_now())
        self._runtime.work.postpone(job.id, delay_s=delay_s, counted=counted, error=reason)

    def _settle(self, job: Job) -> None:
        deps, invoice_id = self._desks.for_invoice(job), UUID(job.args["invoice_id"])
        match deps:
            case CheckoutDeps():
                charge_or_perform_action(invoice_id, deps)
            case InvoicingDeps():
                charge_invoice(invoice_id, deps)

    def _refund(self, job: Job) -> None:
        invoice_id, refund_id = UUID(job.args["invoice_id"]), UUID(job.args["refund_id"])
        refund_invoice(invoice_id, refund_id, self._desks.for_invoice(job))

    def _change_subscription(self, job: Job) -> None:
        subscription_id = UUID(job.args["subscription_id"])
        match self._desks.for_subscription(job):
            case MandateSubscriptionDeps() as deps:
                change_mandate_subscription(subscription_id, deps)
            case SubscriptionDeps() as deps:
                change_subscription(subscription_id, deps)

    def _recur(self, job: Job) -> None:
        deps, subscription_id = self._desks.for_recurring(job), UUID(job.args["subscription_id"])
        match job.actor:
            case subscription_reactions.BEGIN_SUBSCRIPTION:
                start_subscription(subscription_id, deps)
            case subscription_reactions.FORGO_SUBSCRIPTION:
                mark_subscription_not_started(subscription_id, deps)
            case _:
                check_subscription(subscription_id, deps)

    def _set_up_method(self, job: Job) -> None:
        set_up_method(UUID(job.args["setup_id"]), self._desks.for_setup(job))

    def _ask(self, job: Job) -> None:
        event_id = UUID(job.args["provider_event_id"])
        entry = self._runtime.billing.get(ProviderEvent, event_id)
        if uses_payments(entry.received.provider):
            apply_payment_event(event_id, self._desks.for_hearing())
        else:
            fetch_and_apply(event_id, self._desks.for_asking())

    def _hear(self, job: Job) -> None:
        apply_payment_hint(UUID(job.args["hint_id"]), self._desks.for_hearing())

    def _cancel_left_over(self, job: Job) -> None:
        deps = self._desks.for_payments(job)
        cancel_other_payments(UUID(job.args["invoice_id"]), deps)

    def _return_overpaid(self, job: Job) -> None:
        deps = self._desks.for_payments(job)
        refund_overpayment(UUID(job.args["invoice_id"]), job.args["payment_id"], deps)

    def _assign(self, job: Job) -> None:
        assign_to_tenant(UUID(job.args["tenant_stream"]), self._desks.for_assigning(job))

    def _answer(self, job: Job) -> None:
        runtime = self._runtime
        answer_lookup(
            UUID(job.args["ask_id"]),
            deps=runtime.asks,
            vault=runtime.vault,
            gateway_of=runtime.gateways.of,
        )


def declare_actors(broker: RedisBroker, jobs: Jobs) -> None:
    """Let the queue's messages reach the jobs."""
    queues = {
        "settle_invoice": REQUESTS,
        "refund_invoice": REQUESTS,
        "change_subscription": REQUESTS,
        SET_UP_METHOD: REQUESTS,
        "apply_by_asking": EVENTS,
        APPLY_HINT: EVENTS,
        CANCEL_LEFT_OVER: EVENTS,
        RETURN_OVERPAID: EVENTS,
        ANSWER_ASK: ASKS,
        ASSIGN: EVENTS,
        **dict.fromkeys(subscription_reactions.ACTORS, EVENTS),
    }
    for name, queue in queues.items():
        dramatiq.actor(broker=broker, actor_name=name, queue_name=queue)(jobs.run)


def run_workers(settings: Settings, stop: threading.Event) -> None:
    """Work until `stop`; jobs in hand are finished first."""
    broker = open_broker(settings.redis_url)
    with open_runtime(settings) as runtime:
        declare_actors(broker, Jobs(runtime))
        worker = dramatiq.Worker(
            broker, worker_threads=settings.threads, worker_timeout=_IDLE_PICKUP_MS
        )
        worker.start()
        beat_until(stop, settings.heartbeat_file)
        worker.stop()
        broker.close()
