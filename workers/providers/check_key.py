from domain.core.providers import Mode, Provider
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.webhook_endpoints import StripeEndpoints
from workers.settings import Settings


def check_key(provider: Provider, key: str, *, mode: Mode, settings: Settings) -> None:
    """Send one read-only call with the key to its provider.

    Raises the gateway's errors; GatewayMisconfigured for a refused key.
    """
    if provider == "mollie":
        MollieHistory(key, api_base=settings.mollie_api_base, mode=mode).now_s()
    else:
        StripeEndpoints(key, api_base=settings.stripe_api_base, mode=mode).try_key()
