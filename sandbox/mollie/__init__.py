"""Simulator of Mollie's API v2: one account per key, all state in the sandbox's file."""
