"""One step of one canary: gather, plan, claim, ask, decide, act, commit."""
