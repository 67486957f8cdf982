"""Limit the look-ups of wrong keys and tokens per peer."""

import ipaddress
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from service.http.errors import RateLimited, Unauthorized
from service.http.fixed_windows import FixedWindows

_MINUTE_S: Final = 60
_MOST_PEERS: Final = 10_000
_MOST_VALID: Final = 10_000
_OTHERS: Final = "others"
_IPV6_NETWORK_BITS: Final = 64


class FailedLookups:
    """Counts failed authentications per peer and minute, in this process.

    A credential that was valid before is looked up also for a peer over the limit: peers behind
    one proxy share an address. Beyond 10,000 peers in a minute, the others share one count.
    """

    def __init__(self, *, per_minute: int) -> None:
        self._failures = FixedWindows(per_minute, period_s=_MINUTE_S)
        self._valid: OrderedDict[str, None] = OrderedDict()

    @asynccontextmanager
    async def counting(self, peer: str | None, credential: str) -> AsyncIterator[None]:
        """Guard one look-up of a credential, given by its hash: count it if it is Unauthorized.

        Raises RateLimited instead of the look-up.
        """
        self._require(peer, credential)
        try:
            yield
        except Unauthorized:
            self._count(peer, credential)
            raise
        self._remember(credential)

    def _require(self, peer: str | None, credential: str) -> None:
        name = self._name(peer)
        if credential in self._valid or self._failures.fits(name):
            return
        raise RateLimited(self._failures.reset_s(name))

    def _count(self, peer: str | None, credential: str) -> None:
        self._valid.pop(credential, None)
        self._failures.count(self._name(peer))

    def _remember(self, credential: str) -> None:
        self._valid[credential] = None
        self._valid.move_to_end(credential)
        if len(self._valid) > _MOST_VALID:
            self._valid.popitem(last=False)

    def _name(self, peer: str | None) -> str:
        name = _network(peer)
        is_tracked = len(self._failures) < _MOST_PEERS or name in self._failures
        return name if is_tracked else _OTHERS


def _network(peer: str | None) -> str:
    """Return the peer's address; of an IPv6 address, the network that one customer has."""
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return "unknown"
    if address.version == 4:  # noqa: PLR2004
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
