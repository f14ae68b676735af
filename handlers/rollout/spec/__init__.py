"""What a user writes: the Canary and its parts as frozen dataclasses; every mistake is named by its field."""
