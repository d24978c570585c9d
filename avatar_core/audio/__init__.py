"""The agent's speech on its way out: a front sink with two ends, the avatar and the voice."""
