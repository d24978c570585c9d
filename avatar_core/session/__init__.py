"""The life of an avatar in a call: start, join, speak, end."""
