"""Whether two generations say the same."""

from typing import Final

from psycopg.sql import SQL, Composed, Identifier

from projections.generations import Connection, Generation
from projections.writing import Table

_EXAMPLES: Final = 5

# Only what both have come to is compared: a row that one of them has taken further is left to the
# other's catching up.
_DIFFERING: Final = SQL(
    """
SELECT count(*), (array_agg(concat_ws('/', {key})))[1:{examples}]
FROM {old} AS old FULL JOIN {new} AS new USING ({key})
WHERE CASE
    WHEN old.position IS NULL THEN new.position <= %(position)s
    WHEN new.position IS NULL THEN old.position <= %(position)s
    ELSE old.position <= %(position)s AND new.position <= %(position)s
        AND ({old_values}) IS DISTINCT FROM ({new_values})
END
"""
)
_BOTH_HAVE_COME_TO: Final = (
    "SELECT min(coalesce(follower.position, 0)) FROM unnest(%s::text[]) AS given (name)"
    " LEFT JOIN eventlog.followers AS follower USING (name)"
)


async def differences(
    connection: Connection, table: Table, *, old: Generation, new: Generation
) -> tuple[int, list[str]]:
    """Compare a table of two generations: how many rows differ or are missing, and some of them."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor = await connection.execute(_BOTH_HAVE_COME_TO, [[old.follower, new.follower]])
        row = await cursor.fetchone()
        position = 0 if row is None else row[0]
        cursor = await connection.execute(
            _differing(table, old=old.schema, new=new.schema), {"position": position}
        )
        found = await cursor.fetchone()
    count, examples = (0, None) if found is None else found
    return count, [f"{table.name} {example}" for example in examples or ()]


def _differing(table: Table, *, old: str, new: str) -> Composed:
    values = [column for column in table.columns if column not in table.key]
    return _DIFFERING.format(
        key=SQL(", ").join(map(Identifier, table.key)),
        examples=_EXAMPLES,
        old=table.within(old),
        new=table.within(new),
        old_values=SQL(", ").join(Identifier("old", column) for column in values),
        new_values=SQL(", ").join(Identifier("new", column) for column in values),
    )
