"""Queries and answers of metric providers: one file per provider."""
