"""What the Kubernetes adapter sends, byte by byte."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from handlers.errors import BadCanary
from handlers.rollout.objects import DEPLOYMENT, EVENT, SECRET, Object, Ref
from handlers.step.durations import Durations
from tests.adapters import loopback
from tests.adapters.clusters import MANIFEST, REF, Canned, answered
from tests.adapters.loopback import Answer
from tests.adapters.test_kubernetes_refusals import USES, Use

canned = pytest.fixture(answered)
serve = pytest.fixture(loopback.serve)


@pytest.mark.parametrize(
    ("use", "line", "content", "body"),
    [
        pytest.param(
            USES["get"], "GET /apis/apps/v1/namespaces/default/deployments/app", "application/json", None, id="get"
        ),
        pytest.param(
            lambda cluster: cluster.get(Ref(SECRET, "test", "a.b")),
            "GET /api/v1/namespaces/test/secrets/a.b",
            "application/json",
            None,
            id="core",
        ),
        pytest.param(
            lambda cluster: cluster.create(Ref(EVENT, "test", "e"), {"metadata": {"labels": {}}, "reason": "x"}),
            "POST /api/v1/namespaces/test/events?fieldManager=serinus",
            "application/json",
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"labels": {}, "name": "e", "namespace": "test"},
                "reason": "x",
            },
            id="create",
        ),
        pytest.param(
            lambda cluster: cluster.patch(REF, {"metadata": {"labels": {"a": None}}}, "42"),
            "PATCH /apis/apps/v1/namespaces/default/deployments/app?fieldManager=serinus",
            "application/merge-patch+json",
            {"metadata": {"labels": {"a": None}, "resourceVersion": "42"}},
            id="patch",
        ),
        pytest.param(
            USES["patch status"],
            "PATCH /apis/flagger.app/v1beta1/namespaces/test/canaries/podinfo/status?fieldManager=serinus",
            "application/merge-patch+json",
            {"status": {}},
            id="status",
        ),
    ],
)
def test_what_is_sent(canned: Canned, use: Use, line: str, content: str, body: Object | None) -> None:
    """Paths, field manager, content types, guard and token are what the API server expects."""
    cluster, asked = canned(Answer(b"{}"))
    use(cluster)
    (request,) = asked
    assert f"{request.method} {request.path}" == line
    assert request.headers["content-type"] == content
    assert (json.loads(request.body) if request.body else None) == body
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["user-agent"] == "serinus"


def test_metadata_is_asked_for_by_accept(canned: Canned) -> None:
    """Metadata alone is a matter of the Accept header."""
    cluster, asked = canned(Answer(b"{}"))
    cluster.list_metadata(DEPLOYMENT, "test")
    assert asked[0].headers["accept"].startswith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("../kube-system", "app"),
        ("default", "../secrets/x"),
        ("default", "a?b=c"),
        ("default", "App"),
        ("default", "-app"),
        ("a.b", "app"),
        ("default", "x" * 254),
        ("x" * 64, "app"),
        ("default", "app\n"),
    ],
)
def test_names_cannot_lead_elsewhere(canned: Canned, namespace: str, name: str) -> None:
    """What is no DNS-1123 name is refused before anything is sent."""
    cluster, asked = canned(Answer(b"{}"))
    ref = Ref(DEPLOYMENT, namespace, name)
    uses: tuple[Use, ...] = (
        lambda cluster: cluster.get(ref),
        lambda cluster: cluster.create(ref, MANIFEST),
        lambda cluster: cluster.patch(ref, {}),
        lambda cluster: cluster.patch_status(ref, {}),
    )
    for use in uses:
        with pytest.raises(BadCanary, match=r"Deployment name.* is not a DNS-1123 name"):
            use(cluster)
    assert asked == []


@pytest.mark.parametrize("namespace", ["../x", "a/b", "A", " "])
def test_a_list_is_of_a_namespace(canned: Canned, namespace: str) -> None:
    """A namespace that is no name does not lead elsewhere."""
    cluster, asked = canned(Answer(b"{}"))
    for use in (cluster.list, cluster.list_metadata):
        with pytest.raises(BadCanary, match=r"Deployment namespace: .* is not a DNS-1123 name"):
            use(DEPLOYMENT, namespace)
    assert asked == []


@pytest.mark.parametrize(("namespace", "name"), [("", "app"), ("default", "")])
def test_an_object_has_a_name_and_a_namespace(canned: Canned, namespace: str, name: str) -> None:
    """An empty name does not turn one object into all of them."""
    cluster, asked = canned(Answer(b"{}"))
    with pytest.raises(BadCanary, match="'' is not a DNS-1123 name"):
        cluster.get(Ref(DEPLOYMENT, namespace, name))
    assert asked == []


def test_requests_are_counted(canned: Canned) -> None:
    """Each by its verb and the status of its answer, from any number of threads."""
    calls = Durations()
    cluster, asked = canned(Answer(b"{}"), calls)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cluster.get(REF), range(20)))
    assert {labels: sum(found.counts) for labels, found in calls.all().items()} == {("get", "200"): len(asked)}
    assert len(asked) == 20
