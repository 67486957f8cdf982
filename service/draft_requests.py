"""The bodies and queries of the POSTs of seeds 003 and 004."""

from typing import Any

from pydantic import Field

from domain import money
from service.validation import Name, Strictly, Token


class DraftItem(Strictly):
    """A line: a name and its amount in minor units of the currency that the provider chooses."""

    name: Name
    amount: int = Field(ge=1, le=money.MAX_AMOUNT_MINOR)


class DraftBody(Strictly):
    """What seed 003's caller asks for."""

    items: list[DraftItem] = Field(min_length=1, max_length=250)
    customer: Token
    payment_method: Token | None = None

    def lines(self) -> list[dict[str, Any]]:
        """Give the lines as events carry them."""
        return [
            {
                "name": item.name,
                "quantity": 1,
                "price": None,
                "amount_minor": item.amount,
                "currency": None,
            }
            for item in self.items
        ]


class GatherBody(Strictly):
    """What seed 004's caller asks for: the customer whose pending items are gathered."""

    customer: Token


class GatherQuery(Strictly):
    """Where seed 004's caller asks: its app's slug, and the connection."""

    name: Name
    connection_name: Name = Field(alias="connection_name")


def unwrapped(given: object) -> object:
    """Take seed 003's body out of `data`, where its table puts it; its example does not."""
    if isinstance(given, dict) and set(given) == {"data"}:
        return given["data"]
    return given
