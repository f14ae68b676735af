"""The commands that look at canaries, in a cluster and in files, and the one that sends ticks."""
