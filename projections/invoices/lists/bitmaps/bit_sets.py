"""Bits of a list's invoices, block by block, as PostgreSQL has intersected them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Placeholder

from projections.invoices.lists.bitmaps.block_periods import Blocks

BITS: Final = 16_384
"""Ordinals of a block."""
_BYTES: Final = BITS // 8
_UNPACKED: Final = SQL(
    "(SELECT block, ('x' || encode(substr({bits}::bytea, 2048 * number::int - 2047, 2048), 'hex'))"
    "::bit(16384) AS bits FROM unnest({blocks}::int[]) WITH ORDINALITY AS one (block, number)"
    " OFFSET 0)"
)
_LENGTH_BYTES: Final = 4
"""What PostgreSQL writes in front of the bits."""

Place = tuple[int, int]
"""Block and ordinal of an invoice."""


@dataclass(frozen=True)
class Block:
    """Invoices of a block that a list may have. `from_at`: None at the beginning."""

    number: int
    from_at: datetime | None
    bits: int

    @property
    def items(self) -> int:
        """Return how many invoices the list may have of the block."""
        return self.bits.bit_count()

    @property
    def places(self) -> Iterator[Place]:
        """Yield the places of these invoices."""
        return ((self.number, ordinal) for ordinal in _ordinals(self.bits))


@dataclass(frozen=True)
class BitSet:
    """Blocks of a list in its order. `numbering`: the state in which ordinals meant its invoices.

    `items`: invoices that the list may have, without those that have no number. `unsure`: so many
    of them may not fit; `to_check`: these, if they are few. `of_times`: their numbers by the time
    of their blocks, also of blocks whose bits were not read. `waiting`: the app's invoices without
    a number. Both are None where no block was looked at. `sent`: bits are read of so many invoices
    behind the cursor, where the list is in the order of creation. `is_whole`: all blocks of a list
    were looked at. Otherwise `of_times` has the first ones behind the cursor; `farther`: of more
    and more blocks from these on, how many there are, and about how many invoices they have.
    `seen`: so many invoices are in the blocks that were looked at.
    """

    blocks: Sequence[Block]
    items: int
    unsure: int
    to_check: Sequence[Block]
    of_times: Sequence[Blocks]
    numbering: str | None
    waiting: int | None
    sent: int
    is_whole: bool
    seen: int
    farther: Sequence[tuple[int, int]] = ()

    def blocks_with(self, items: int) -> int | None:
        """Return about how many blocks from the first one on have so many; None: perhaps all."""
        return next((blocks for blocks, so_far in self.farther if so_far >= items), None)


def read_bit_set(found: Sequence[DictRow], *, sent: int, first: int | None = None) -> BitSet:
    """Read the answer of `list_bitmaps.count_query`. `first`: so many blocks were asked for first.

    Of a sample, as many of a block's invoices are taken to be of the list where it was not looked
    at as where it was.
    """
    near = [row for row in found if row["is_first"]]
    others = [row for row in found if not row["is_first"]]
    several: int | None = found[0]["several"] if found else None
    is_whole = (first is None or len(near) < first) if several is None else len(found) == several

    def blocks(name: str) -> list[Block]:
        return [
            Block(row["block"], row["from_at"], read_bits(row[name])) for row in found if row[name]
        ]

    def number(name: str) -> int:
        of_near, of_others = _sum(near, name), _sum(others, name)
        if is_whole or not others:
            return of_near + of_others
        not_near = int(found[0]["numbered_in_all"]) - _sum(near, "numbered")
        return of_near + of_others * not_near // max(_sum(others, "numbered"), 1)

    return BitSet(
        blocks("bits"),
        items=number("items"),
        unsure=number("unsure"),
        to_check=blocks("unsure_bits"),
        of_times=[
            Blocks(from_at, _sum([*rows], "items"))
            for from_at, rows in groupby(near, key=lambda row: row["from_at"])
        ],
        numbering=found[0]["numbering"] if found else None,
        waiting=found[0]["waiting"] if found else None,
        sent=sent,
        is_whole=is_whole,
        seen=_sum(found, "items"),
        farther=[] if is_whole else [*_farther(found)],
    )


def _sum(rows: Sequence[DictRow], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def _farther(found: Sequence[DictRow]) -> Iterator[tuple[int, int]]:
    """Yield of each block of a sample what `BitSet.farther` has."""
    near = [number for number, row in enumerate(found) if row["is_first"]]
    sampled = len(found) - len(near)
    if not near or not sampled:
        return
    stride = max((found[0]["several"] - len(near)) // sampled, 1)
    blocks, items = len(near), _sum([found[number] for number in near], "items")
    for row in found[near[-1] + 1 :]:
        blocks, items = blocks + stride, items + stride * int(row["items"])
        yield blocks, items


def read_bits(sent: bytes | None) -> int:
    """Read bits as PostgreSQL sends them: the first ordinal is the highest bit."""
    return 0 if sent is None else int.from_bytes(sent[_LENGTH_BYTES:], "big")


def packed(blocks: Iterable[Block]) -> bytes:
    """Write the bits of blocks one after the other, for `unpacked`."""
    return b"".join(one.bits.to_bytes(_BYTES, "big") for one in blocks)


def unpacked(*, blocks: Placeholder, bits: Placeholder) -> Composed:
    """Write the rows (block, bits) of some blocks whose bits are `packed`.

    As an array of texts, which psycopg escapes, they took longer than the statement.
    """
    return _UNPACKED.format(blocks=blocks, bits=bits)


def places_of(blocks: Iterable[Block]) -> list[Place]:
    """Return the places of all invoices of some blocks."""
    return [place for one in blocks for place in one.places]


def _ordinals(bits: int) -> Iterator[int]:
    while bits:
        length = bits.bit_length()
        yield BITS - length
        bits ^= 1 << (length - 1)
