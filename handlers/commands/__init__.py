"""The commands that look at canaries, one file each for a cluster and for files."""
