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
    FINALIZE,
    REFUND,
    RETRY,
    UNCOLLECTIBLE,
    VOID,
    Action,
    Answered,
    request_invoice_action,
)
from service.invoices.context import InvoicesContext, context_of
from service.recording.response_headers import invoice_headers


async def retry_invoice(request: Request) -> Response:
    """Try again to charge an invoice, with the same method or another."""
    return await _asked(request, RETRY)


async def void_invoice(request: Request) -> Response:
    """Take an invoice back that was not paid."""
    return await _asked(request, VOID)


async def finalize_invoice(request: Request) -> Response:
    """Number a draft."""
    return await _asked(request, FINALIZE)


async def write_off_invoice(request: Request) -> Response:
    """Write an invoice off."""
    return await _asked(request, UNCOLLECTIBLE)


async def refund_invoice(request: Request) -> Response:
    """Give back what was paid, or a part of it."""
    return await _asked(request, REFUND)


async def _asked(request: Request, action: Action) -> Response:
    context = context_of(request)
    settings = context.settings
    caller = await authenticate(request)
    invoice_id = path_uuid(request, "invoiceUuid")
    given = await read_json(request, settings, default={})
    body = validate(action.body, given)
    seconds = wait_s(request, default_s=settings.wait_default_s, most_s=settings.wait_max_s)
    answered = await request_invoice_action(
        request, caller, invoice_id, action, body, given=given, wait_s=seconds
    )
    if answered.fact is not None:
        problem = action_render.refusal_of(action.name, answered.told.folded.view, answered.fact)
        if problem is not None:
            return error_response(problem, request.scope, invoice_headers(answered.told))
    return await _present(context, action, answered)


async def _present(context: InvoicesContext, action: Action, answered: Answered) -> Response:
    """Answer with the invoice: as it was when this came true, or (202) as it is until then."""
    told = answered.told
    view = told.folded.view
    shown = action_render.document(
        view,
        position=told.folded.position,
        document_url=context.links.document_url(view),
        provider_response=await context.recording.streams.json_body(view.body),
        refund_id=answered.request_id if action is REFUND else None,
    )
    status = HTTPStatus.ACCEPTED if told.pending else HTTPStatus.OK
    rendered = envelope.Rendered(status=status, document=shown)
    return answer(rendered, invoice_headers(told))
