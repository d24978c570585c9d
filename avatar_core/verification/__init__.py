"""``avatar verify``: the clauses of the contract against a provider's real service."""
