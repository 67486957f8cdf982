"""The words by which an invoice or a tenant is found."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Final

from domain.invoices.view import InvoiceView

MOST_TERMS: Final = 5
_LONGEST: Final = 64
_MOST: Final = 400
_PIECE: Final = re.compile(r"[^\W_]+")
_AFTER_ALL: Final = "\U0010ffff"  # behind every character in the order of the column ("C")

Sources = tuple[str | None, str | None, str | None, tuple[str, ...]]


def term_sources(view: InvoiceView) -> Sources:
    """Return what an invoice is found by: number, customer, provider's id, values of metadata."""
    return view.number, view.customer, view.provider_object_id, tuple(view.metadata.values())


def index_terms(sources: Sources) -> dict[str, None]:
    """Return the words in a fixed order. An id is one word; other texts have pieces, too."""
    number, customer, provider_object_id, values = sources
    found = {word: None for text in (customer, provider_object_id) if text for word in _split(text)}
    found |= split_terms(text for text in (number, *values) if text)
    return dict.fromkeys(list(found)[:_MOST])


def split_terms(texts: Iterable[str]) -> dict[str, None]:
    """Return what stands between blanks, and its runs of letters and digits."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _split(text):
            found[word] = None
            found |= dict.fromkeys(_PIECE.findall(word))
    return found


def query_terms(query: str) -> tuple[str, ...]:
    """Split what is searched for into the beginnings of words, all of which must be found."""
    return tuple(dict.fromkeys(_split(query)))


def prefix_range(term: str) -> tuple[str, str]:
    """Return the first word that begins with a term, and what is behind the last."""
    return term, term + _AFTER_ALL


def new_terms(before: Sources | None, after: Sources) -> Collection[str]:
    """Return the words that were not there before."""
    if before == after:
        return ()
    known = {} if before is None else index_terms(before)
    return [word for word in index_terms(after) if word not in known]


def _split(text: str) -> list[str]:
    """Write a text as search has it: whatever its case, width and ligatures were."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return [word[:_LONGEST] for word in plain.split()]
