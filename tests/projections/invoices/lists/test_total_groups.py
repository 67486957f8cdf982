"""Test the choice of groups of totals, without a database."""

from collections.abc import Mapping

from projections.invoices.lists.bitmaps.bit_sets import BITS, BitSet, Block, packed, read_bits
from projections.invoices.lists.bitmaps.total_groups import TotalGroups

_ALL = BitSet([Block(3, None, (1 << BITS) - 1)], BITS, 0, [], [], None, None, 0, True, BITS)


def sent(ordinals: set[int]) -> bytes:
    """Write bits as PostgreSQL sends them."""
    text = "".join("1" if n in ordinals else "0" for n in range(BITS))
    return BITS.to_bytes(4, "big") + int(text, 2).to_bytes(BITS // 8, "big")


def chosen(
    items: Mapping[int, int], *, cursor: int | None, is_down: bool, wanted: int, most: int
) -> TotalGroups:
    """Choose groups 8 to 29 of one block that have so many invoices each."""
    totals = TotalGroups(_ALL, 8, 29, cursor=cursor, is_down=is_down)
    ordinal, of_group = 0, dict[int, set[int]]()
    for group, several in items.items():
        of_group[group] = set(range(ordinal, ordinal + several))
        ordinal += several
    while values := totals.choose(wanted, most=most):
        found = []
        for value in values:
            name, _, number = value.partition("=")
            groups = (
                range(4 * int(number), 4 * int(number) + 4) if name == "amounts" else [int(number)]
            )
            ordinals = {one for group in groups for one in of_group.get(group, ())}
            if ordinals:
                found.append({"value": value, "block": 3, "bits": sent(ordinals)})
        totals.add(values, found)
    return totals


def test_bits_keep_their_ordinals() -> None:
    bits = read_bits(sent({0, 7, BITS - 1}))
    assert [ordinal for _, ordinal in Block(3, None, bits).places] == [0, 7, BITS - 1]
    assert packed([Block(3, None, bits)]) == sent({0, 7, BITS - 1})[4:]


def test_groups_are_chosen_from_one_end_until_a_page_is_full() -> None:
    items = {9: 5, 17: 30, 18: 40, 25: 6, 29: 1}
    down = chosen(items, cursor=None, is_down=True, wanted=20, most=1_000)
    assert (sorted(down.groups), down.items) == ([*range(16, 30)], 77)
    up = chosen(items, cursor=None, is_down=False, wanted=20, most=1_000)
    assert (up.groups, up.items) == ([*range(8, 20)], 75)
    every = chosen(items, cursor=None, is_down=False, wanted=200, most=1_000)
    assert (every.is_whole, every.items) == (True, 82)


def test_four_groups_with_too_many_invoices_are_chosen_one_by_one() -> None:
    items = {17: 30, 18: 40, 25: 6, 29: 1}
    down = chosen(items, cursor=None, is_down=True, wanted=20, most=60)
    assert (sorted(down.groups), down.items) == ([*range(18, 30)], 47)
    up = chosen(items, cursor=None, is_down=False, wanted=20, most=60)
    assert (up.groups, up.items) == ([*range(8, 18)], 30)


def test_invoices_of_the_cursors_own_group_are_not_counted() -> None:
    items = {17: 30, 18: 40, 25: 6, 29: 1}
    down = chosen(items, cursor=25, is_down=True, wanted=7, most=1_000)
    assert 17 in down.groups
