"""The bodies of what is asked of a subscription that exists."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from domain.core import money
from service.http.validation import RequestModel, SchemaKeywords, Token, invalid
from service.invoices.schemas import MOST_LINES


class SubscriptionLine(RequestModel):
    """What is subscribed to: so many of a catalogue price."""

    price: Token
    quantity: int = Field(1, ge=1, le=money.MAX_QUANTITY)


def _each_price_once(lines: list[SubscriptionLine]) -> list[SubscriptionLine]:
    if len({line.price for line in lines}) < len(lines):
        raise invalid("name a price twice; give it once, with its quantity")
    return lines


class CancelBody(RequestModel):
    """End it now, or with the period that is paid for."""

    at_period_end: bool = False


class ChangeBody(RequestModel):
    """Subscribe to this in the place of what there is, now or from the next period on."""

    line_items: Annotated[
        list[SubscriptionLine],
        Field(min_length=1, max_length=MOST_LINES),
        AfterValidator(_each_price_once),
        SchemaKeywords({"uniqueItems": True}),
    ]
    when: Literal["now", "periodEnd"]
