"""Run jobs: take a message, claim its row, do the job, put off what could not be done yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker

from domain.errors import StaleWrite
from domain.gateway import GatewayError, GatewayMisconfigured, GatewayUnavailable
from domain.gateway_port import PaymentGateway
from domain.invoice import Invoice
from domain.invoice_steps import REFUND_STEP, is_refund
from domain.method_setup import MethodSetup
from domain.provider_event import ProviderEvent
from domain.subscription import Subscription
from eventlog.errors import LogUnavailable
from eventlog.heartbeat import beat_until
from projections.asks import ACTOR as ANSWER_ASK
from projections.asks import QUEUE as ASKS
from projections.work import Job, WorkUnavailable
from workers.broker import open_broker
from workers.jobs.answer_ask import answer_ask
from workers.jobs.ask import AskDesk, apply_by_asking
from workers.jobs.assign import AssignDesk, ReadModelBehind, assign_to_tenant
from workers.jobs.change_subscription import SubscriptionDesk, change_subscription
from workers.jobs.customers import CustomerDesk
from workers.jobs.desk import Desk
from workers.jobs.refund import refund_invoice
from workers.jobs.set_up_method import SetupDesk, set_up_method
from workers.jobs.settle import settle_invoice
from workers.reactions import EVENTS, REQUESTS
from workers.runtime import Runtime, open_runtime, utc_now
from workers.settings import Settings
from workers.setup_reactions import ACTOR as SET_UP_METHOD
from workers.tenant_reactions import ASSIGN

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
        self._by_actor: dict[str, Callable[[Job], None]] = {
            "settle_invoice": self._settle,
            "refund_invoice": self._refund,
            "change_subscription": self._change_subscription,
            SET_UP_METHOD: self._set_up_method,
            "apply_by_asking": self._ask,
            ANSWER_ASK: self._answer,
            ASSIGN: self._assign,
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
            self._give_up(job, reason)
        self._runtime.work.postpone(job.id, delay_s=delay_s, counted=counted, error=reason)

    def _give_up(self, job: Job, reason: str) -> None:
        """Record that the bound is reached; the relay closes the row, an operator looks."""
        billing, at, attempts = self._runtime.billing, utc_now(), job.tries + 1
        if job.actor == ASSIGN:
            return  # it asks nothing of anybody else: it is tried on, and seen as overdue
        if job.actor == "apply_by_asking":
            billing.change(
                ProviderEvent,
                UUID(job.args["provider_event_id"]),
                lambda known: known.park(reason, retry=False, at=at, by="worker"),
            )
            return
        if job.actor == "change_subscription":
            billing.change(
                Subscription,
                UUID(job.args["subscription_id"]),
                lambda known: known.give_up(
                    (known.view.asked or {}).get("action", "change"),
                    attempts=attempts,
                    last_error=reason,
                    at=at,
                ),
            )
            return
        if job.actor == SET_UP_METHOD:
            billing.change(
                MethodSetup,
                UUID(job.args["setup_id"]),
                lambda known: known.give_up(attempts=attempts, last_error=reason, at=at),
            )
            return
        billing.change(
            Invoice,
            UUID(job.args["invoice_id"]),
            lambda known: known.give_up(
                _step_of(job, known), attempts=attempts, last_error=reason, at=at
            ),
        )

    def _settle(self, job: Job) -> None:
        invoice_id = UUID(job.args["invoice_id"])
        settle_invoice(invoice_id, self._desk(job, invoice_id))

    def _refund(self, job: Job) -> None:
        invoice_id = UUID(job.args["invoice_id"])
        refund_invoice(invoice_id, UUID(job.args["refund_id"]), self._desk(job, invoice_id))

    def _change_subscription(self, job: Job) -> None:
        runtime = self._runtime
        subscription_id = UUID(job.args["subscription_id"])
        view = runtime.billing.get(Subscription, subscription_id).view
        gateway = runtime.gateways.of(view.app_id, view.connection)
        desk = SubscriptionDesk(billing=runtime.billing, gateway=gateway, now=utc_now)
        change_subscription(subscription_id, desk)

    def _set_up_method(self, job: Job) -> None:
        runtime = self._runtime
        setup_id = UUID(job.args["setup_id"])
        view = runtime.billing.get(MethodSetup, setup_id).view
        gateway = runtime.gateways.of(view.app_id, view.connection)
        desk = SetupDesk(
            billing=runtime.billing,
            gateway=gateway,
            customers=self._customers(gateway),
            now=utc_now,
            alive=lambda: runtime.work.touch(job.id),
        )
        set_up_method(setup_id, desk)

    def _desk(self, job: Job, invoice_id: UUID) -> Desk:
        """Lay out what a job about an invoice works with."""
        runtime = self._runtime
        view = runtime.billing.get(Invoice, invoice_id).view
        gateway = runtime.gateways.of(view.app_id, view.connection)
        return Desk(
            billing=runtime.billing,
            gateway=gateway,
            customers=self._customers(gateway),
            now=utc_now,
            alive=lambda: runtime.work.touch(job.id),
        )

    def _customers(self, gateway: PaymentGateway) -> CustomerDesk:
        runtime = self._runtime
        return CustomerDesk(
            billing=runtime.billing, gateway=gateway, bodies=runtime.log, now=utc_now
        )

    def _ask(self, job: Job) -> None:
        desk = AskDesk(
            billing=self._runtime.billing,
            bodies=self._runtime.log,
            gateway_of=self._runtime.gateways.of,
            now=utc_now,
        )
        apply_by_asking(UUID(job.args["provider_event_id"]), desk)

    def _assign(self, job: Job) -> None:
        runtime = self._runtime
        desk = AssignDesk(
            billing=runtime.billing,
            newest_position=lambda stream: (
                runtime.log.stream(stream, newest_first=True, limit=1)[0].position
            ),
            unassigned=runtime.unassigned,
            now=utc_now,
            alive=lambda: runtime.work.touch(job.id),
        )
        assign_to_tenant(UUID(job.args["tenant_stream"]), desk)

    def _answer(self, job: Job) -> None:
        runtime = self._runtime
        answer_ask(
            UUID(job.args["ask_id"]),
            desk=runtime.asks,
            vault=runtime.vault,
            gateway_of=runtime.gateways.of,
        )


def _step_of(job: Job, invoice: Invoice) -> str:
    """Name the step that a job was at: a refund's own, or the last that was begun."""
    if "refund_id" in job.args:
        return f"{REFUND_STEP}{job.args['refund_id']}"
    steps = [step for step in invoice.view.steps.values() if not is_refund(step.step)]
    return max(steps, key=lambda step: step.started_at).step if steps else "plan"


def declare_actors(broker: RedisBroker, jobs: Jobs) -> None:
    """Let the queue's messages reach the jobs."""
    queues = {
        "settle_invoice": REQUESTS,
        "refund_invoice": REQUESTS,
        "change_subscription": REQUESTS,
        SET_UP_METHOD: REQUESTS,
        "apply_by_asking": EVENTS,
        ANSWER_ASK: ASKS,
        ASSIGN: EVENTS,
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
