"""Samples in Prometheus' text format, by its own client library."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from handlers.explain.gauges import FAMILIES, Sample
from handlers.step.durations import BOUNDS, Histogram


def exposition(
    listed: Iterable[Sample], durations: Mapping[tuple[str, str], Histogram], *, version: str, provider: str
) -> bytes:
    """All metrics of a scrape; `durations` by namespace and target."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected([*_families(listed, version, provider), _durations(durations)]))
    return generate_latest(registry)


class _Collected:
    """Families that are there already, as a registry wants them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def _families(listed: Iterable[Sample], version: str, provider: str) -> Iterator[Metric]:
    info = GaugeMetricFamily("flagger_info", "Version and mesh provider.", labels=("version", "mesh_provider"))
    info.add_metric((version, provider), 1)
    yield info
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


def _durations(found: Mapping[tuple[str, str], Histogram]) -> HistogramMetricFamily:
    text = "Seconds that a step took, in this process."
    family = HistogramMetricFamily("flagger_canary_duration_seconds", text, labels=("name", "namespace"))
    for (namespace, target), histogram in found.items():
        counts = [sum(histogram.counts[: index + 1]) for index in range(len(histogram.counts))]
        bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        family.add_metric((target, namespace), list(zip(bounds, counts, strict=True)), histogram.total)
    return family
