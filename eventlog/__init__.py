from importlib.resources import files

from eventlog.migrate import Migrations

MIGRATIONS = Migrations("eventlog", files("eventlog") / "migrations")
