"""What an operator does with sessions at a provider, outside any call."""
