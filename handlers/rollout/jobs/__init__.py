"""Jobs that a rollout asks for: what may be asked, what is made of it, and how it ended. Pure."""
