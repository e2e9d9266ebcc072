"""The contextual lens: which entity is odd among those in the same context."""
