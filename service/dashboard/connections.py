"""Test a connection with one read at its provider, sent by a worker."""

from starlette.requests import Request
from starlette.responses import Response

from service.apps.connection_tests import try_connection as send_test
from service.apps.context import context_of as apps_context_of
from service.dashboard.guard import action
from service.dashboard.operations import operations_page
from service.dashboard.visitor import Form, Visitor


async def _try(request: Request, visitor: Visitor, _: Form) -> Response:
    context = apps_context_of(request)
    tried = await send_test(context, visitor.caller, request.path_params["name"])
    return await operations_page(request, visitor, tried=tried)


try_connection = action(_try)
