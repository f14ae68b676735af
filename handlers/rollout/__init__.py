"""What to do next with a canary: pure functions from what was read to what to write."""
