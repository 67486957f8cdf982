"""Define the business rules: aggregates, events, commands, money, the gateway port."""
