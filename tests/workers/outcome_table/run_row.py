"""Run a row of the outcome table and describe its outcome in one line.

`python -m tests.workers.outcome_table.run_row` prints the table as it comes out, to compare with
`outcomes.txt`, which the test holds it to.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from domain.gateway.errors import GatewayUnavailable
from domain.invoices.outcome import first_outcome, outcome_of
from domain.invoices.view import InvoiceView
from service.dialects import (
    admin_invoice_render,
    browser_charge_render,
    pending_items_draft_render,
    server_charge_render,
)
from service.dialects.stripe_charge_render import payment_intent
from service.http import canonical_errors, envelope, plain_errors, success_envelope
from service.http.errors import Problem
from service.http.responses import serialized
from service.invoices import action_render
from service.invoices import render as invoices_render
from service.recording.streams import Folded
from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.support.temporary_postgres import temporary_postgres
from tests.workers.crash_grids.environment import Stand, die_inside, open_stand
from tests.workers.crash_grids.stripe_invoice_flows import Job, moved_for
from tests.workers.crash_grids.stripe_invoice_steps import STEPS
from tests.workers.outcome_table.rows import (
    CHARGE_IMMEDIATELY,
    DRAFT,
    PENDING_ITEMS,
    ROWS,
    Kind,
    Row,
)
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.client import open_client
from workers.providers.stripe.gateway import StripeGateway

TABLE: Final = Path(__file__).with_name("outcomes.txt")
_PATIENCE_S: Final = 0.2
_SLOW_MS: Final = 600
_DAY: Final = timedelta(hours=25)


class Impatient(StripeGateway):
    """The real gateway with a short time-out."""

    def __init__(self, api_key: str, *, api_base: str) -> None:
        self._client = open_client(api_key, api_base=api_base, timeout_s=_PATIENCE_S)


def play(stand: Stand, row: Row) -> str:
    """Run a row; return its outcome in one line."""
    bench = stand.bench(row.kind.name)
    job = row.prepare(bench)
    topics = len(bench.topics(job.invoice_id))
    _run_job(bench, row, job)
    if row.later is not None:
        row.later(bench, job)
    view = bench.invoice(job.invoice_id).view
    assert not view.in_progress, f"{row.name}: it goes on for ever"
    customer = view.customer or job.customer
    moved = () if customer is None else moved_for(bench.account, customer)
    recorded = [topic.removeprefix("invoice.") for topic in bench.topics(job.invoice_id)[topics:]]
    # A fetch that repeats the view is recorded only if it is later, by whole seconds.
    short = [topic for topic in recorded if topic != "provider_state_confirmed"]
    return " | ".join(
        [
            f"{row.name:<47}",
            view.status,
            ", ".join(f"{kind} {amount}" for kind, amount in moved) or "no money",
            _answers(bench, row, job),
            " ".join(short),
        ]
    )


def _run_job(bench: Bench, row: Row, job: Job) -> None:
    """Run the job as a worker does: again while the provider's outcome is unknown."""
    admin, path = bench.account.admin, f"*{row.kind.deciding}"
    match row.fault:
        case "answer lost":
            admin.add_fault("lose_answer", path=path, method="POST", times=2)
        case "500":
            admin.add_fault("status", path=path, method="POST", times=2, status=500)
        case "429":
            admin.add_fault("status", path=path, method="POST", status=429)
        case "time-out":
            admin.add_fault("delay", path=path, method="POST", ms=_SLOW_MS, when="after")
            bench.gateway = Impatient(bench.account.key, api_base=bench.account.url)
        case "key expired":
            _die_after_deciding(bench, row, job)
    unknown = 0
    for _ in range(9):
        with suppress(GatewayUnavailable):
            job.run(bench)
            break
        unknown += 1
    faulted = row.fault not in (None, "key expired")
    assert unknown == int(faulted), f"{row.name}: {unknown} unknown outcomes"
    assert admin.faults() == []


def _die_after_deciding(bench: Bench, row: Row, job: Job) -> None:
    """Die when the deciding call has done its work, and come back after a day."""
    steps = STEPS[row.kind.flow]
    deciding = row.kind.deciding.replace("/in_*", "/*")
    ends = [step.startswith("post") and step.endswith(deciding) for step in steps]
    die_inside(bench, job, ends.index(True) + 1)
    bench.clock.added += _DAY
    if row.kind is not DRAFT:
        bench.account.admin.set_clock(advance_s=_DAY.total_seconds())


def _answers(bench: Bench, row: Row, job: Job) -> str:
    """Render what callers are told: each dialect that has this kind of request."""
    if row.kind.action is not None:
        return f"002 {_of_action(bench, row.kind.action, job)}"
    view = first_outcome(bench.invoice_events(job.invoice_id))
    assert view is not None, row.name
    stored = _stored(bench, view)
    if row.kind in (DRAFT, PENDING_ITEMS):
        return _of_draft(row.kind, view, stored)
    if row.kind is CHARGE_IMMEDIATELY:
        return _charge_results(view, stored)
    rendered = invoices_render.render_outcome(
        view, position=1, document_url=None, provider_response=stored
    )
    if refused := invoices_render.failure_problem(view):
        return f"002 {_refused(refused, canonical_errors.render_problem(refused))}"
    item = orjson.loads(serialized(rendered.document))["items"][0]
    action = (item["nextAction"] or {}).get("type", "-")
    return f"002 {rendered.status} {item['status']} {item['totalMinor']} next {action}"


def _of_draft(kind: Kind, view: InvoiceView, stored: dict[str, Any]) -> str:
    dialect: Any = admin_invoice_render if kind is DRAFT else pending_items_draft_render
    if refused := dialect.failure_problem(view):
        return f"{dialect.DIALECT} {_refused(refused, _plainly(refused))}"
    rendered = dialect.render_outcome(stored)
    shown = rendered.document
    advances = "advances" if shown["auto_advance"] else "waits"
    return f"{dialect.DIALECT} {rendered.status} {shown['status']} {shown['total']} {advances}"


def _charge_results(view: InvoiceView, stored: dict[str, Any]) -> str:
    results: list[str] = []
    for dialect in (browser_charge_render, server_charge_render):
        name = dialect.DIALECT
        if refused := dialect.failure_problem(view):
            results.append(f"{name} {_refused(refused, _in_envelope(refused))}")
            continue
        rendered = dialect.render_outcome(payment_intent(view, stored))
        data = orjson.loads(serialized(rendered.document))["data"]
        intent = data.get("paymentIntents", data)
        results.append(f"{name} {rendered.status} {intent['status']} {intent['amount_received']}")
    return "; ".join(results)


def _of_action(bench: Bench, action: str, job: Job) -> str:
    events = bench.invoice_events(job.invoice_id)
    requests_ = [event for event in events if _request_id_of(event) is not None]
    request_id = _request_id_of(requests_[-1])
    assert request_id is not None
    view = outcome_of(events, request_id)
    assert view is not None
    fact = next(
        event
        for count, event in enumerate(events, 1)
        if count > events.index(requests_[-1]) + 1 and outcome_of(events[:count], request_id)
    )
    refused = action_render.failure_problem(action, Folded(view, 1, fact))
    if refused is not None:
        return _refused(refused, canonical_errors.render_problem(refused))
    shown = action_render.document(
        view,
        position=1,
        document_url=None,
        provider_response=None,
        refund_id=job.refund_id,
    )
    item = orjson.loads(serialized(shown))["items"][0]
    refunds = [f"refund {one['status']} {one['amountMinor']}" for one in item.get("refunds", ())]
    action_next = (item["nextAction"] or {}).get("type", "-")
    return " ".join([f"200 {item['status']} {item['totalMinor']} next {action_next}", *refunds])


def _request_id_of(event: Any) -> UUID | None:
    if event.TOPIC.endswith("_requested") and event.TOPIC != "invoice.requested":
        found: UUID | None = getattr(event, "request_id", None) or getattr(event, "refund_id", None)
        return found
    return None


def _plainly(problem: Problem) -> envelope.Rendered:
    return plain_errors.render_problem(problem, request_id="r")


def _in_envelope(problem: Problem) -> envelope.Rendered:
    return success_envelope.render_problem(problem, request_id="r")


def _refused(problem: Problem, rendered: envelope.Rendered) -> str:
    """Write a refusal down: the answer's status, and all that its document says."""
    (fault,) = problem.faults
    document = serialized(rendered.document).decode()
    shown = [problem.code, fault.path, fault.provider_code, fault.decline_code, fault.message]
    assert problem.code in document
    assert orjson.dumps(fault.message)[1:-1].decode() in document
    codes = [code for code in shown[:-1] if code and code in document]
    return f"{rendered.status} {' '.join(codes)} {fault.message!r}"


def _stored(bench: Bench, view: InvoiceView) -> dict[str, Any]:
    body = None if view.body is None else bench.log.body(bytes.fromhex(view.body))
    found: dict[str, Any] = {} if body is None else orjson.loads(body)
    return found


def main() -> None:
    """Print the table as it comes out."""
    with temporary_postgres() as embedded, SandboxProcess() as sandbox:
        server = Server(embedded.dsn("postgres"))
        database = server.dsn(server.migrated_database())
        with open_stand(database, sandbox.url) as stand:
            for row in ROWS:
                sys.stdout.write(f"{play(stand, row)}\n")
        server.drop_all()


if __name__ == "__main__":
    main()
