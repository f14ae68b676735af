"""The examples of a canary say what they seem to say."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from handlers.rollout.spec.analysis import Hook
from handlers.rollout.spec.canary import Canary, parse
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.crds import install_crds
from handlers.sandbox.kube import resource_of
from tests.manifests.files import KNATIVE, documents

SHOP = KNATIVE / "examples" / "shop"


def canary(file: str) -> Canary:
    """The Canary of a file, parsed."""
    return parse(next(document for document in documents(SHOP / file) if document["kind"] == "Canary"))


def test_the_weighted_canary() -> None:
    """Every field of it has arrived."""
    found = canary("canary.yaml")
    analysis = found.analysis
    assert (analysis.interval, analysis.threshold) == (timedelta(minutes=1), 5)
    assert (analysis.max_weight, analysis.step_weight) == (50, 5)
    assert found.service.hosts == ("podinfo.shop.svc.cluster.local",)
    assert [(metric.name, metric.builtin, metric.low, metric.high) for metric in analysis.metrics] == [
        ("request-success-rate", "request-success-rate", 99, None),
        ("request-duration-p99", "request-duration", None, 500),
        ("not-found-percentage", "", None, 5),
    ]
    assert analysis.metrics[2].template == ("shop", "not-found-percentage")
    assert [(hook.type, hook.metadata.get("type")) for hook in analysis.webhooks] == [
        (Hook.PRE_ROLLOUT, "bash"),
        (Hook.ROLLOUT, "cmd"),
        (Hook.CONFIRM_PROMOTION, None),
        (Hook.EVENT, None),
    ]
    assert analysis.webhooks[3].metadata == {"channel": "deployments", "user": "serinus"}


def test_the_other_strategies() -> None:
    """A/B by header and cookie, and mirroring as the Service's field says it."""
    ab, mirrored = canary("canary-ab.yaml").analysis, canary("canary-mirror.yaml").analysis
    assert ab.iterations == 10
    assert [set(request["headers"]) for request in ab.match] == [{"x-canary"}, {"cookie"}]
    assert (mirrored.mirror, mirrored.step_weight) == (True, 10)


@pytest.mark.parametrize("path", sorted(SHOP.glob("*.yaml")), ids=lambda path: path.name)
def test_an_api_server_takes_them_and_drops_nothing(path: Path) -> None:
    """Validated, pruned and defaulted by the resource definitions, they still say all that they said."""
    cluster, wanted = Cluster(), documents(path)
    install_crds(cluster)
    if not any(document["kind"] == "Namespace" for document in wanted):
        cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    for document in wanted:
        resource, meta = resource_of(document), document["metadata"]
        reply = cluster.call("POST", resource.path(meta.get("namespace", "")), document)
        assert reply.status == HTTPStatus.CREATED, reply.body
        assert within(document, reply.body)


def within(wanted: object, found: object) -> bool:
    """Whether all of a document is in another one."""
    match wanted, found:
        case dict(), dict():
            return all(key in found and within(value, found[key]) for key, value in wanted.items())
        case list(), list():
            return len(wanted) == len(found) and all(map(within, wanted, found))
        case _:
            return wanted == found
