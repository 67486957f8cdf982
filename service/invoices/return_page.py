"""The page that a customer comes back to from a provider's; it loads nothing from anywhere."""

from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.core import money
from domain.invoices import status
from domain.invoices.view import InvoiceView
from domain.payment_methods import view as setup_view
from domain.payment_methods.view import MethodSetupView

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_REFRESH_S: Final = 3
_TEMPLATES: Final = Environment(
    loader=PackageLoader("service.invoices", ""), autoescape=True, undefined=StrictUndefined
)


@dataclass(frozen=True)
class _Texts:
    title: str
    text: str
    changing: bool = False


_UNDER_WAY: Final = _Texts(
    "Your payment is under way", "This page looks again every few seconds.", changing=True
)
_TEXTS: Final = {
    status.REQUESTED: _UNDER_WAY,
    status.OPEN: _Texts(
        "Your payment is not complete", "If you have just paid, it is on its way.", changing=True
    ),
    status.PROCESSING: _Texts(
        "Your payment is being processed",
        "Some ways of paying take days. You need not wait here.",
        changing=True,
    ),
    status.REQUIRES_ACTION: _Texts(
        "Your bank wants to hear from you", "The payment has to be confirmed.", changing=True
    ),
    status.DRAFT: _Texts("Your invoice is being prepared", "It can't be paid yet.", changing=True),
    status.PAID: _Texts("Thank you: it is paid", "You can close this page."),
    status.FAILED: _Texts("The payment was refused", "Nothing was taken."),
    status.CANCELED: _Texts("The payment was canceled", "Nothing was taken."),
    status.EXPIRED: _Texts("The payment has expired", "Nothing was taken."),
    status.VOID: _Texts("This invoice is void", "Nothing is to be paid."),
    status.UNCOLLECTIBLE: _Texts("This invoice is closed", "It is not expected to be paid."),
    status.REJECTED: _Texts("The payment could not be started", "Nothing was taken."),
}


_SAVING: Final = _Texts(
    "Your payment method is being saved", "This page looks again every few seconds.", changing=True
)
_SETUP_TEXTS: Final = {
    setup_view.REQUESTED: _SAVING,
    setup_view.SUBMITTED: _SAVING,
    setup_view.OPEN: _Texts(
        "No payment method is saved yet",
        "If you have just left one, it is on its way.",
        changing=True,
    ),
    setup_view.COMPLETED: _Texts(
        "Thank you: your payment method is saved", "You can close this page."
    ),
    setup_view.EXPIRED: _Texts("The page has expired", "No payment method was saved."),
    setup_view.REVOKED: _Texts("Your payment method was removed", "It is not charged any more."),
    setup_view.REJECTED: _Texts(
        "Your payment method could not be saved", "Nothing was taken, and nothing is kept."
    ),
}


def return_page(view: InvoiceView, *, document_url: str | None) -> str:
    """Write the page; only what the holder of the link may see: amount, number, state."""
    return _render(
        _TEXTS[view.status], number=view.number, amount=_amount(view), document_url=document_url
    )


def setup_return_page(view: MethodSetupView) -> str:
    """Write the page of who comes back from leaving a payment method; only its state."""
    return _render(_SETUP_TEXTS[view.status])


def _render(
    texts: _Texts,
    *,
    number: str | None = None,
    amount: str | None = None,
    document_url: str | None = None,
) -> str:
    return _TEMPLATES.get_template("return_page.html").render(
        title=texts.title,
        text=texts.text,
        refresh_s=_REFRESH_S if texts.changing else None,
        number=number,
        amount=amount,
        document_url=document_url,
    )


def _amount(view: InvoiceView) -> str | None:
    if view.total_minor is None or view.currency is None:
        return None
    return f"{money.to_major(view.total_minor, view.currency)} {view.currency.upper()}"
