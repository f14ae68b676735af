"""The static part of Envoy's configuration."""

from pathlib import Path

from handlers.sandbox.envoy import bootstrap


def test_histograms_are_flushed_oftener_than_they_are_scraped() -> None:
    """Else a rate over some seconds of a duration has holes, and a canary under load looks as if it had no traffic."""
    fastest_scrape = 0.5  # seconds; the demo's
    assert float(bootstrap(Path("/x"))["stats_flush_interval"].removesuffix("s")) < fastest_scrape
