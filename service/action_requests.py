"""The bodies of what is asked of an invoice that exists; all of them may be left out."""

from typing import Literal

from pydantic import Field

from domain import money
from service.validation import Strictly, Token


class ActionBody(Strictly):
    """Nothing is said beside which invoice is meant."""


class RetryBody(ActionBody):
    """Charge it with a method of the customer's, or with what is charged by default."""

    payment_method: Token | None = None


class RefundBody(ActionBody):
    """Give an amount back, or all that is left; by a credit note, or plainly."""

    amount_minor: int | None = Field(None, ge=1, le=money.MAX_AMOUNT_MINOR)
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    credit_note: bool = True
