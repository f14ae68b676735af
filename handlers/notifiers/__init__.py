"""Messages in the words of a messenger: one file per messenger."""
