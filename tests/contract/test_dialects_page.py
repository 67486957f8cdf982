"""The page is the table, and the table is the documents."""

from __future__ import annotations

import pytest

from tests.contract.dialects_page import PAGE, page
from tests.contract.field_table import DOCUMENTS, PARTS, Part


def test_the_page_matches_the_table() -> None:
    """Otherwise: make dialects."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_example_is_in_the_table() -> None:
    examples = {path.name for path in DOCUMENTS.glob("*.json")} - {"002_refused.json"}
    assert {part.file for part in PARTS} == examples


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.file)
def test_every_printed_field_has_a_source(part: Part) -> None:
    assert all(row.source for row in part.rows())
