import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.invoices.search_terms import (
    index_terms,
    new_terms,
    prefix_range,
    query_terms,
    split_terms,
    term_sources,
)
from tests.projections.harness import issue, requested


def test_an_invoice_is_found_by_number_customer_provider_id_and_values_of_metadata() -> None:
    invoice = requested(metadata={"order": "Nr. 4711/B", "note": "Großauftrag ÄRGER"})
    issue(invoice, number="INV-0042", customer="cus_X1", provider_object_id="in_1AbC")
    assert set(index_terms(term_sources(invoice.view))) == {
        "cus_x1", "in_1abc", "inv-0042", "inv", "0042",
        "nr.", "nr", "4711/b", "4711", "b", "grossauftrag", "ärger",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("INV-0042", ("inv-0042",)),
        ("  Ada   Byron ada ", ("ada", "byron")),
        ("STRAẞE", ("strasse",)),
        ("ﬁne", ("fine",)),
        ("A" * 100, ("a" * 64,)),
        (" \t ", ()),
    ],
)
def test_queries_are_normalised_as_indexed_terms_are(query: str, terms: tuple[str, ...]) -> None:
    assert query_terms(query) == terms


@given(text=st.text(max_size=200), length=st.integers(1, 100))
def test_every_prefix_of_every_term_finds_the_invoice(text: str, length: int) -> None:
    for term_source in split_terms([text]):
        for term in query_terms(term_source[:length]):
            first, after = prefix_range(term)
            if term_source.startswith(term):
                assert first.encode() <= term_source.encode() < after.encode()


def test_an_invoice_has_a_bounded_number_of_search_terms() -> None:
    metadata = {str(n): " ".join(f"{n}x{m}" for m in range(60)) for n in range(40)}
    assert len(index_terms(term_sources(requested(metadata=metadata).view))) == 400


def test_only_new_search_terms_are_written() -> None:
    invoice = requested(metadata={"order": "4711"})
    before = term_sources(invoice.view)
    assert new_terms(None, before) == ["4711"]
    assert new_terms(before, before) == ()
    issue(invoice, number="4711", customer="cus_1", provider_object_id="in_1")
    assert new_terms(before, term_sources(invoice.view)) == ["cus_1", "in_1"]
