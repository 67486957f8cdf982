"""Request bodies of actions on subscriptions."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from domain.core import money
from domain.subscriptions.items import RequestedPrice
from service.http.validation import RequestModel, SchemaKeywords, Token, invalid
from service.invoices.schemas import MOST_LINES


class SubscriptionLine(RequestModel):
    """A line: a price of the catalogue and a quantity."""

    price: Token
    quantity: int = Field(1, ge=1, le=money.MAX_QUANTITY)


def _each_price_once(lines: list[SubscriptionLine]) -> list[SubscriptionLine]:
    if len({line.price for line in lines}) < len(lines):
        raise invalid("must not repeat a price: give it once, with its quantity")
    return lines


class CancelBody(RequestModel):
    """Body of a cancellation: now, or at the end of the paid period."""

    at_period_end: bool = False


class ChangeBody(RequestModel):
    """Body of a change: replaces all lines, now or from the next period on."""

    line_items: Annotated[
        list[SubscriptionLine],
        Field(min_length=1, max_length=MOST_LINES),
        AfterValidator(_each_price_once),
        SchemaKeywords({"uniqueItems": True}),
    ]
    when: Literal["now", "periodEnd"]

    def requested(self) -> list[RequestedPrice]:
        """Return the lines as the command takes them."""
        return [RequestedPrice(line.price, line.quantity) for line in self.line_items]
