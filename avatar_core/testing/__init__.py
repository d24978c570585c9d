"""What a provider's or an application's own tests need; nothing here runs in production."""
