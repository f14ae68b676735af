"""Samples in Prometheus' text format, by its own client library."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from handlers.explain.gauges import FAMILIES, Sample
from handlers.step.durations import BOUNDS, Durations

HISTOGRAMS = {
    "flagger_canary_duration_seconds": ("Seconds that a step which did something took.", ("namespace", "name")),
    "serinus_http_request_duration_seconds": (
        "Seconds until a request was answered; `path` is one that is served, or `other`.",
        ("path", "status"),
    ),
    "serinus_step_duration_seconds": (
        "Seconds that a step took; `outcome` is stepped, nothing, conflict, held, unavailable, invalid or error.",
        ("cause", "outcome"),
    ),
    "serinus_api_request_duration_seconds": (
        "Seconds that a request to the API server took; `status` is none where there was no answer.",
        ("verb", "status"),
    ),
}
"""What each process counts for itself: help, and the names of the labels."""
API_UP = ("serinus_api_up", "1: the Canaries could be listed; 0: they could not, and nothing is shown of them.")
INFO = ("flagger_info", "Version and mesh provider.")


def exposition(
    listed: Iterable[Sample] | None, counted: Mapping[str, Durations], *, version: str, provider: str
) -> bytes:
    """All metrics of a scrape: of the canaries, if they could be listed, and of this process.

    `counted` has one of each name in HISTOGRAMS.
    """
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    info = GaugeMetricFamily(*INFO, labels=("version", "mesh_provider"))
    info.add_metric((version, provider), 1)
    up = GaugeMetricFamily(*API_UP, value=int(listed is not None))
    histograms = [_histogram(name, counted[name]) for name in HISTOGRAMS]
    registry.register(_Collected([info, up, *_families(listed or ()), *histograms]))
    return generate_latest(registry)


class _Collected:
    """Families that are there already, as a registry wants them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def _families(listed: Iterable[Sample]) -> Iterator[Metric]:
    found: dict[str, list[Sample]] = {}
    for sample in listed:
        found.setdefault(sample.metric, []).append(sample)
    for name, (text, labels) in FAMILIES.items():
        # the number of canaries is called a total too, and is none
        counts = name.endswith("s_total")
        family = (CounterMetricFamily if counts else GaugeMetricFamily)(name, text, labels=labels)
        for sample in found.get(name, ()):
            family.add_metric(sample.labels, sample.value)
        yield family


def _histogram(name: str, durations: Durations) -> HistogramMetricFamily:
    text, labels = HISTOGRAMS[name]
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in durations.all().items():
        counts = [sum(histogram.counts[: index + 1]) for index in range(len(histogram.counts))]
        bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        family.add_metric(values, list(zip(bounds, counts, strict=True)), histogram.total)
    return family
