"""Mollie's stand-in: API v2 over HTTP, one account per key, all state in the sandbox's file."""
