"""Processes that react to events: relay, webhook application, jobs, schedule."""
