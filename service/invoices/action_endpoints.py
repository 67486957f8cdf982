from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from service.auth.authenticate import authenticate
from service.http import envelope
from service.http.requests import path_uuid, read_json, wait_s
from service.http.responses import answer, error_response
from service.http.validation import validate
from service.invoices import action_render
from service.invoices.actions import (
    CAPTURE,
    FINALIZE,
    REFUND,
    RETRY,
    UNCOLLECTIBLE,
    VOID,
    Action,
    request_invoice_action,
)
from service.invoices.context import InvoicesContext, context_of
from service.recording.record import RecordedInvoice
from service.recording.response_headers import invoice_headers


async def retry_invoice(request: Request) -> Response:
    """Retry the payment of an invoice, with the same payment method or another."""
    return await _request(request, RETRY)


async def void_invoice(request: Request) -> Response:
    """Void an unpaid invoice."""
    return await _request(request, VOID)


async def finalize_invoice(request: Request) -> Response:
    """Finalise a draft."""
    return await _request(request, FINALIZE)


async def write_off_invoice(request: Request) -> Response:
    """Mark an invoice as uncollectible."""
    return await _request(request, UNCOLLECTIBLE)


async def capture_invoice(request: Request) -> Response:
    """Capture an authorized payment, in full or in part."""
    return await _request(request, CAPTURE)


async def refund_invoice(request: Request) -> Response:
    """Refund an invoice, in full or in part."""
    return await _request(request, REFUND)


async def _request(request: Request, action: Action) -> Response:
    context = context_of(request)
    settings = context.settings
    caller = await authenticate(request)
    invoice_id = path_uuid(request, "invoiceUuid")
    given = await read_json(request, settings, default={})
    body = validate(action.body, given)
    seconds = wait_s(request, default_s=settings.wait_default_s, most_s=settings.wait_max_s)
    recorded = await request_invoice_action(
        request, caller, invoice_id, action, body, given=given, wait_s=seconds
    )
    if not recorded.pending:
        problem = action_render.failure_problem(action.name, recorded.result)
        if problem is not None:
            return error_response(problem, request.scope, invoice_headers(recorded))
    return await _present(context, action, recorded)


async def _present(context: InvoicesContext, action: Action, recorded: RecordedInvoice) -> Response:
    """Return the invoice as of the outcome (200), or as of now while pending (202)."""
    view = recorded.result.view
    shown = action_render.document(
        view,
        position=recorded.result.position,
        document_url=context.links.document_url(view),
        provider_response=await context.recording.streams.json_body(view.body),
        refund_id=recorded.request_id if action is REFUND else None,
    )
    status = HTTPStatus.ACCEPTED if recorded.pending else HTTPStatus.OK
    rendered = envelope.Rendered(status=status, document=shown)
    return answer(rendered, invoice_headers(recorded))
