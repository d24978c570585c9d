"""What the core and a provider agree on: errors, options, records and hooks."""
