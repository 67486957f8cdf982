from starlette.requests import Request
from starlette.responses import Response

from domain.core.idempotency import CreateIdempotencyRecord
from service.auth.authenticate import authenticate
from service.http.errors import NotFound
from service.http.queries import WorkQuery, read_query
from service.http.requests import read_json
from service.http.response_model import one_item
from service.http.responses import POSITION, document
from service.http.validation import validate
from service.invoices.schemas import ActionBody
from service.recording.idempotency import record_once
from service.recording.response_headers import REPLAYED
from service.work import work
from service.work.context import context_of
from service.work.response_schemas import SingleWork, Work
from service.work.work import to_filter


async def list_work(request: Request) -> Response:
    """List an app's open and given-up work."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(WorkQuery, request.query_params)
    filters = to_filter(query, caller.app.app_id)
    return document(work.page(await context.queries.list_work(filters)))


async def resend_work(request: Request) -> Response:
    """Resend work that gave up, with all its attempts."""
    context = context_of(request)
    caller = await authenticate(request)
    given = await read_json(request, context.settings, default={})
    validate(ActionBody, given)
    row = await context.queries.get_work(caller.app.app_id, request.path_params["workId"])
    occurred_at = context.now()

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        if row is None:
            raise NotFound
        work.resend(
            context.recording.billing,
            row,
            actor=caller.actor,
            occurred_at=occurred_at,
            idempotency_record=idempotency_record,
        )

    # A replay finds its idempotency record even if the work is done and its row is deleted.
    result = {} if row is None else work.sent_again(row, occurred_at=occurred_at)
    recorded = await record_once(request, caller, given, result, write)
    headers = {REPLAYED: "true"} if recorded.replayed else {}
    headers[POSITION] = str(
        await context.recording.streams.newest(work.subject_of(recorded.result))
    )
    shown = Work.from_json(recorded.result)
    return document(one_item(SingleWork, kind=work.KIND, item=shown), headers)
