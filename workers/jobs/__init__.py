"""Jobs: plain functions that may run twice, late, or beside themselves."""
