"""What is true and allowed: aggregates, events, commands, money, the gateway port."""
