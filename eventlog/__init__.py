from importlib.resources import files

from eventlog.database.migrate import Migrations

MIGRATIONS = Migrations("eventlog", files("eventlog") / "migrations")
