import asyncio

from starlette.requests import Request
from starlette.responses import Response

from projections.catalogue.queries import PriceRow, TaxRateRow
from service.auth.authenticate import authenticate
from service.catalogue import render as catalogue_render
from service.catalogue.catalogue import (
    PriceBody,
    TaxRateBody,
    is_id,
)
from service.catalogue.context import context_of
from service.http.errors import BadRequest, FieldError
from service.http.requests import read_json
from service.http.responses import POSITION, document
from service.http.validation import validate


async def put_price(request: Request) -> Response:
    """Create a price, or change it for new invoices."""
    context = context_of(request)
    caller = await authenticate(request)
    price_id = _new_id(request, "priceId")
    given = await read_json(request, context.settings)
    command = validate(PriceBody, given).command(caller.app.app_id, price_id, actor=caller.actor)
    await asyncio.to_thread(context.recording.billing.set_price, command, occurred_at=context.now())
    return _shown_price(await context.catalogue.price(caller.app.app_id, price_id))


async def get_price(request: Request) -> Response:
    """Show a price."""
    caller = await authenticate(request)
    price_id = request.path_params["priceId"]
    return _shown_price(await context_of(request).catalogue.price(caller.app.app_id, price_id))


async def put_tax_rate(request: Request) -> Response:
    """Create a tax rate, or change it for new invoices."""
    context = context_of(request)
    caller = await authenticate(request)
    tax_rate_id = _new_id(request, "taxRateId")
    given = await read_json(request, context.settings)
    command = validate(TaxRateBody, given).command(
        caller.app.app_id, tax_rate_id, actor=caller.actor
    )
    await asyncio.to_thread(
        context.recording.billing.set_tax_rate, command, occurred_at=context.now()
    )
    return _shown_tax_rate(await context.catalogue.tax_rate(caller.app.app_id, tax_rate_id))


async def get_tax_rate(request: Request) -> Response:
    """Show a tax rate."""
    caller = await authenticate(request)
    named = request.path_params["taxRateId"]
    return _shown_tax_rate(await context_of(request).catalogue.tax_rate(caller.app.app_id, named))


def _new_id(request: Request, name: str) -> str:
    """Read the id that a caller gives. Raises BadRequest."""
    given: str = request.path_params[name]
    if not is_id(given):
        message = f"{name}: must be 1 to 255 visible ASCII characters"
        raise BadRequest(FieldError(message=message, path=name))
    return given


def _shown_price(price: PriceRow) -> Response:
    return document(catalogue_render.price(price), {POSITION: str(price.position)})


def _shown_tax_rate(tax_rate: TaxRateRow) -> Response:
    return document(catalogue_render.tax_rate(tax_rate), {POSITION: str(tax_rate.position)})
