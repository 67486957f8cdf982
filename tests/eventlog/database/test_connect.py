"""Test that a session's probes and settings are ours, but for those that the DSN has itself."""

from psycopg.conninfo import conninfo_to_dict

from eventlog.database.connect import conninfo


def test_a_dsns_own_probes_and_options_are_kept_beside_ours() -> None:
    found = conninfo_to_dict(
        conninfo(
            "host=db keepalives_idle=9 options='-c work_mem=8MB'",
            application_name="billhook test",
            settings={"statement_timeout": "1 s"},
        )
    )
    assert (found["keepalives_idle"], found["connect_timeout"]) == ("9", "3")
    assert (found["host"], found["application_name"]) == ("db", "billhook test")
    options = str(found["options"])
    assert "-c timezone=UTC" in options
    assert "-c statement_timeout=1\\ s" in options
    # The last one counts.
    assert options.endswith("-c work_mem=8MB")


def test_a_dsn_without_probes_gets_ours() -> None:
    found = conninfo_to_dict(conninfo("host=db", application_name="billhook test"))
    assert {
        name: found[name] for name in ("keepalives", "keepalives_idle", "tcp_user_timeout")
    } == {
        "keepalives": "1",
        "keepalives_idle": "2",
        "tcp_user_timeout": "4000",
    }
