"""What is known of a canary, as a person reads it: pure, from the Canary alone."""
