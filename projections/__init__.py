from importlib.resources import files

from eventlog.database.migrate import Migrations

MIGRATIONS = Migrations("projections", files("projections") / "migrations")
