"""Tell an object that the provider no longer has from a key of another account, which never had it.

To end work because its object is gone would be wrong there: the object goes on to be charged.
"""

from typing import Final, Protocol

from domain.gateway.errors import GatewayMisconfigured, GatewayRejected

_DELETED: Final = "gone"


class CustomerGateway(Protocol):
    """A gateway that fetches customers."""

    def find_customer(self, customer_id: str) -> object:
        """Fetch a customer. Raises GatewayRejected."""


def require_same_account(customer: str | None, gateway: CustomerGateway) -> None:
    """Check that the key's account has a customer that was there before.

    Stripe returns deleted customers, too; Mollie answers 410 for them. Raises GatewayMisconfigured
    for another account, so that the work waits for the right key; GatewayUnavailable.
    """
    if customer is None:
        return
    try:
        gateway.find_customer(customer)
    except GatewayRejected as error:
        if error.missing and error.code != _DELETED:
            raise GatewayMisconfigured(
                f"the account of the key has neither the object nor its customer {customer}: set a"
                " key of the connection's account"
            ) from error
