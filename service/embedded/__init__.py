"""PostgreSQL and Redis of one's own, for a machine that has neither."""
