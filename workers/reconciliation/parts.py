"""Join the refunds, disputes and credit notes of one invoice that lists have one by one."""

from __future__ import annotations

from collections.abc import Iterable

from domain.gateway.objects import RefundsAndDisputes


def merged(parts: Iterable[RefundsAndDisputes]) -> RefundsAndDisputes:
    """Return them together."""
    together = list(parts)
    return RefundsAndDisputes(
        refunds=tuple(one for back in together for one in back.refunds),
        disputes=tuple(one for back in together for one in back.disputes),
        credit_notes=tuple(one for back in together for one in back.credit_notes),
    )
