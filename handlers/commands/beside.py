"""What stands beside the Canaries that `serinus lint` checks: in the files, and, if it is asked, in the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handlers.commands.manifests import Document, refusals
from handlers.errors import BadCanary, Forbidden
from handlers.explain.surroundings import KINDS
from handlers.rollout.objects import CANARY, METRIC_TEMPLATE, NAMESPACE, Kind, Object, Ref, metadata
from handlers.rollout.spec import canary as canaries
from handlers.step.lists import ref_to
from handlers.step.ports import Cluster


@dataclass(frozen=True, slots=True)
class Found:
    """Objects by where they live; MetricTemplates and Namespaces apart."""

    objects: Mapping[Ref, Object] = field(default_factory=dict)
    templates: Mapping[tuple[str, str], Object] = field(default_factory=dict)
    namespaces: Mapping[str, Object] = field(default_factory=dict)


def in_files(documents: Sequence[Document]) -> Found:
    """Those of the files."""
    return Found(
        {item.ref(kind): item.obj for item in documents for kind in KINDS if item.of(kind) and _whole(item.obj, kind)},
        {item.key: item.obj for item in documents if item.of(METRIC_TEMPLATE)},
        {item.key[1]: item.obj for item in documents if item.of(NAMESPACE)},
    )


def _whole(obj: Object, kind: Kind) -> bool:
    """Whether it can be looked at; of a Canary the names alone are, whatever else is wrong with it."""
    return isinstance(obj.get("spec"), Mapping) if kind is CANARY else not refusals(obj, kind)


def in_cluster(cluster: Cluster, manifests: Sequence[Object], provider: str) -> Found:
    """Those in the namespaces of these Canaries, and what they name in others; it is only read."""
    spaces = dict.fromkeys(str(metadata(item).get("namespace", "")) for item in manifests)
    listed = ((kind, item) for space in spaces for kind in KINDS for item in cluster.list(kind, space))
    templates = {
        key: cluster.get(Ref(METRIC_TEMPLATE, *key)) for item in manifests for key in _templates(item, provider)
    }
    return Found(
        {ref_to(kind, item): item for kind, item in listed},
        {key: found for key, found in templates.items() if found is not None},
        {space: found for space in spaces if (found := _namespace(cluster, space)) is not None},
    )


def _templates(obj: Object, provider: str) -> tuple[tuple[str, str], ...]:
    """The MetricTemplates that a Canary names, if it can be read."""
    try:
        metrics = canaries.parse(obj, provider=provider).analysis.metrics
    except BadCanary:
        return ()
    return tuple(metric.template for metric in metrics if metric.template)


def _namespace(cluster: Cluster, name: str) -> Object | None:
    """A namespace; None for somebody who may see what is in it only."""
    try:
        return cluster.get(Ref(NAMESPACE, "", name))
    except Forbidden:
        return None
