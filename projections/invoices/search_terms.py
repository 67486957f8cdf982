"""Search terms of invoices and tenants."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final

from domain.invoices.view import InvoiceView

MOST_TERMS: Final = 5
_LONGEST: Final = 64
_MOST: Final = 400
_PIECE: Final = re.compile(r"[^\W_]+")
_AFTER_ALL: Final = "\U0010ffff"  # behind every character in the order of the column ("C")

Sources = tuple[str | None, str | None, str | None, tuple[str, ...]]


def term_sources(view: InvoiceView) -> Sources:
    """Return an invoice's searchable texts: number, customer, provider's id, metadata values."""
    values = tuple(view.metadata.values()) if view.metadata else ()
    return view.number, view.customer, view.provider_object_id, values


@lru_cache(maxsize=1024)
def index_terms(sources: Sources) -> Mapping[str, None]:
    """Return the terms in a fixed order. An id is one term; other texts have parts, too."""
    number, customer, provider_object_id, values = sources
    found: dict[str, None] = {}
    for identifier in (customer, provider_object_id):
        if identifier:
            found |= dict.fromkeys(_split(identifier))
    found |= split_terms(text for text in (number, *values) if text)
    return found if len(found) <= _MOST else dict.fromkeys(list(found)[:_MOST])


def split_terms(texts: Iterable[str]) -> dict[str, None]:
    """Split texts at blanks; return each term and its runs of letters and digits."""
    found: dict[str, None] = {}
    for text in texts:
        for term in _split(text):
            found[term] = None
            if not term.isalnum():
                found |= dict.fromkeys(_PIECE.findall(term))
    return found


def query_terms(query: str) -> tuple[str, ...]:
    """Split a query into prefixes of terms, all of which must be found."""
    return tuple(dict.fromkeys(_split(query)))


def prefix_range(term: str) -> tuple[str, str]:
    """Return the bounds of all terms with a prefix: the first, and an end behind the last."""
    return term, term + _AFTER_ALL


def new_terms(before: Sources | None, after: Sources) -> Collection[str]:
    """Return the terms that were added."""
    if before == after:
        return ()
    known = {} if before is None else index_terms(before)
    return [term for term in index_terms(after) if term not in known]


def _split(text: str) -> list[str]:
    """Split a text into terms, with case, width and ligatures normalised."""
    if text.isascii():
        plain = text.lower()
    else:
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return [term[:_LONGEST] for term in plain.split()]
