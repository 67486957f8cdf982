"""Queries of the dispatcher: which due rows may be sent, and when the next row is due."""

from typing import Final, LiteralString

# Rows that are due already wait for a thread, whose release notifies the dispatcher. Rows in flight
# are looked at once a second: their process may die.
# Each half by its index: rows may wait for months, and are many then.
NEXT_DUE: Final[LiteralString] = """
    SELECT extract(epoch FROM least(
        (SELECT due_at FROM work.jobs
         WHERE sent_at IS NULL AND gave_up_at IS NULL AND due_at > now()
         ORDER BY due_at LIMIT 1),
        (SELECT min(least(greatest(due_at, sent_at + %(resend)s), now() + interval '1 s'))
         FROM work.jobs
         WHERE sent_at IS NOT NULL AND gave_up_at IS NULL
           AND greatest(due_at, sent_at + %(resend)s) > now())
    ) - now())::float8
"""

# Rows are sent only for threads that work.claim would give them (work.admits has the rule), so that
# a row waits in the table and not in Redis. `busy`: threads that run a job, and rows on their way
# to one. A row sent longer ago than `in_transit` was lost, or waits behind a worker that is gone.
# `lost`: rows that were sent and that no thread runs: claimed by a process that died, or not
# claimed for too long. Each further sending of a row waits twice as long, up to `resend`: it makes
# the message before it void, which a busy worker may be about to read.
# Round robin: each app's oldest row first, then each app's second, and so on. SKIP LOCKED lets
# several dispatchers work beside each other. The seconds until the next row is due come along with
# the rows taken, and alone where there are none; no more than one while a row is due.
TAKE_DUE: Final[LiteralString] = (
    """
    WITH busy AS (
        SELECT lane, app, connection FROM work.live_running
        UNION ALL
        SELECT lane, app, connection FROM work.jobs
        WHERE sent_at > clock_timestamp() - %(in_transit)s AND gave_up_at IS NULL
          AND NOT EXISTS (SELECT FROM work.live_running WHERE live_running.job = jobs.id)
    ), lost AS (
        SELECT jobs.id FROM work.jobs
        WHERE sent_at <= clock_timestamp() - %(in_transit)s AND gave_up_at IS NULL
          AND NOT EXISTS (SELECT FROM work.live_running WHERE live_running.job = jobs.id)
          AND (sent_at <= clock_timestamp() - least(
                  %(in_transit)s * pow(2, least(sends, 10) - 1), %(resend)s
              ) OR EXISTS (
                  SELECT FROM work.running
                  WHERE running.job = jobs.id AND running.sends = jobs.sends
              ))
    ), free AS (
        SELECT lane, greatest((
                SELECT sum(threads) FROM work.live_workers WHERE live_workers.lane = lanes.lane
            ), 1) - (SELECT count(*) FROM busy WHERE busy.lane = lanes.lane) AS threads
        FROM (VALUES ('jobs'), ('lookups'), ('reconcile')) AS lanes (lane)
    ), of_app AS (
        SELECT lane, app, count(*) AS rows FROM busy GROUP BY lane, app
    ), of_connection AS (
        SELECT lane, app, connection, count(*) AS rows FROM busy GROUP BY lane, app, connection
    ), due AS (
        SELECT jobs.id, jobs.lane, jobs.app, jobs.connection, jobs.due_at,
               free.threads AS free, breaker.probe_at,
               coalesce(of_connection.rows, 0) AS busy_of_connection,
               row_number() OVER (
                   PARTITION BY jobs.lane, jobs.app, jobs.connection ORDER BY jobs.due_at, jobs.id
               ) - 1 AS before
        FROM work.jobs
        JOIN free USING (lane)
        LEFT JOIN of_connection USING (lane, app, connection)
        LEFT JOIN work.breakers AS breaker ON breaker.app = jobs.app
            AND breaker.connection = jobs.connection AND breaker.opened_at IS NOT NULL
        WHERE jobs.due_at <= clock_timestamp() AND jobs.gave_up_at IS NULL
          AND (jobs.sent_at IS NULL OR jobs.sent_at <= clock_timestamp() - %(resend)s
               OR jobs.id IN (SELECT id FROM lost))
    ), admitted AS (
        SELECT due.*, row_number() OVER (PARTITION BY lane, app ORDER BY due_at, id) - 1
            AS before_of_app
        FROM due WHERE CASE
            WHEN connection IS NULL THEN true
            WHEN probe_at IS NULL THEN 2 * (busy_of_connection + before) < free - before
            WHEN lane = 'lookups' THEN true
            ELSE before = 0 AND probe_at <= clock_timestamp() AND NOT EXISTS (
                SELECT FROM busy WHERE busy.app = due.app AND busy.connection = due.connection
            )
        END
    ), turns AS (
        SELECT admitted.id, due_at, free, admitted.lane,
               before_of_app + coalesce(of_app.rows, 0) AS turn
        FROM admitted LEFT JOIN of_app USING (lane, app)
        WHERE before_of_app + coalesce(of_app.rows, 0) < free - before_of_app
    ), placed AS (
        SELECT id, due_at, turn, free,
               row_number() OVER (PARTITION BY lane ORDER BY turn, due_at, id) AS place
        FROM turns
    ), chosen AS (
        SELECT jobs.id FROM work.jobs JOIN placed USING (id)
        WHERE placed.place <= placed.free AND jobs.gave_up_at IS NULL
          AND (jobs.sent_at IS NULL OR jobs.sent_at <= clock_timestamp() - %(resend)s
               OR jobs.sent_at <= clock_timestamp() - %(in_transit)s
               AND jobs.id IN (SELECT id FROM lost))
        ORDER BY placed.turn, placed.due_at, jobs.id
        LIMIT %(limit)s
        FOR UPDATE OF jobs SKIP LOCKED
    ), taken AS (
        UPDATE work.jobs SET sent_at = clock_timestamp(), sends = sends + 1
        FROM chosen WHERE jobs.id = chosen.id
        RETURNING jobs.id, key, app, queue, actor, args, sends, tries, connection
    )
    SELECT CASE WHEN EXISTS (SELECT FROM due) THEN least(next.due_s, 1) ELSE next.due_s END,
        taken.*
    FROM ("""  # noqa: S608 - constants
    + NEXT_DUE
    + """) AS next (due_s) LEFT JOIN taken ON true
"""
)
