"""Names of invented companies: coined words with a trade, so that no real company is named."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Final

_COINED: Final = (
    "Ostervane Brindlecroft Wexhollow Quillmere Tamberlyn Korvandel Lisselby Marrowick Fennimoor "
    "Halvestrand Pellobrook Dunmarrel Vossimer Aldertwyn Grimsholt Oakenrell Sablewyn Thornavel "
    "Birchemont Cawdlestone Drellingham Emberwyke Farrowind Gildermoss Hestervale Ivenhart "
    "Jorrembeck Kestrelyn Lowenquist Mirrabourne Nettlewane Orlindale Puddlemarch Quenderby "
    "Rookansby Silvermeer Tolliver-Wynn Umberlight Vellacott-Rae Willomere Yarrowfen Zephyrholt"
).split()
_TRADES: Final = (
    "Ceramics Robotics Cycles Roastery Dental Studios Logistics Analytics Orchards Legal "
    "Instruments Pharmacy Textiles Printing Architects Energy Bakery Optics Media Software "
    "Interiors Sailing Seeds Tutoring"
).split()
_FORMS: Final = {"NL": "B.V.", "DE": "GmbH", "BE": "N.V.", "FR": "SAS", "US": "Inc."}
_MAILBOXES: Final = ("billing", "accounts", "finance", "office")


def company_names(random: Random) -> Iterator[tuple[str, str]]:
    """Yield a name without its legal form, and an e-mail address that nobody can have (RFC 2606).

    Names repeat after a thousand companies.
    """
    coined = random.sample(_COINED, len(_COINED))
    trades = random.sample(_TRADES, len(_TRADES))
    for number in count():
        turn, index = divmod(number, len(coined))
        word, trade = coined[index], trades[(index + turn) % len(trades)]
        domain = random.choice(("example.com", "example.org"))
        yield f"{word} {trade}", f"{random.choice(_MAILBOXES)}.{word}@{domain}".lower()


def legal_name(name: str, country: str) -> str:
    """Add the country's legal form to a company's name."""
    return f"{name} {_FORMS[country]}"
