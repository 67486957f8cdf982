from importlib.resources import files

from eventlog.migrate import Migrations

MIGRATIONS = Migrations("projections", files("projections") / "migrations")
