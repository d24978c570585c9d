"""HTTP for providers: a JSON client that retries, bounds and never tells a secret."""
