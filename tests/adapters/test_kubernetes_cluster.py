"""The Kubernetes adapter: its semantics against the embedded API."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from handlers.adapters.kubernetes import KubernetesCluster, TokenReviewer, connect
from handlers.auth import Review
from handlers.errors import BadCanary, Conflict, Unavailable
from handlers.rollout.objects import CANARY, DEPLOYMENT, NAMESPACE, SERVICE, Kind, Ref
from handlers.sandbox.api import kubeconfig
from handlers.sandbox.api.reviews import Identity
from handlers.sandbox.api.server import Server
from tests.adapters import loopback
from tests.adapters.clusters import MANIFEST, REF, connected, embedded
from tests.adapters.loopback import Answer, Asked, Serve

api = pytest.fixture(embedded)
cluster = pytest.fixture(connected)
serve = pytest.fixture(loopback.serve)
closed = pytest.fixture(loopback.closed)


def test_an_object_is_made_read_and_changed(cluster: KubernetesCluster) -> None:
    """What is created can be read, and a merge patch changes what it names and nothing else."""
    assert cluster.get(REF) is None
    cluster.create(REF, MANIFEST)
    patched = cluster.patch(REF, {"metadata": {"annotations": {"c": "d"}}, "spec": {"replicas": 5}})
    read = cluster.get(REF)
    assert read == patched
    assert read is not None
    assert read["kind"] == "Deployment"
    assert read["metadata"]["annotations"] == {"a": "b", "c": "d"}
    assert read["spec"]["replicas"] == 5
    assert {entry["manager"] for entry in read["metadata"]["managedFields"]} == {"serinus"}


def test_an_object_of_the_core_group(cluster: KubernetesCluster) -> None:
    """core/v1 goes the same way as the groups."""
    ref = Ref(SERVICE, "default", "app")
    cluster.create(ref, {"spec": {"ports": [{"port": 80}], "selector": {"app": "app"}}})
    read = cluster.get(ref)
    assert read is not None
    assert read["spec"]["selector"] == {"app": "app"}


def test_an_object_in_no_namespace(cluster: KubernetesCluster) -> None:
    """A Namespace is read by its name alone."""
    found = cluster.get(Ref(NAMESPACE, "", "default"))
    assert found
    assert (found["kind"], found["metadata"]["name"]) == ("Namespace", "default")
    assert cluster.get(Ref(NAMESPACE, "", "other")) is None


def test_an_object_is_made_once(cluster: KubernetesCluster) -> None:
    """A second one of the same name is a conflict."""
    cluster.create(REF, MANIFEST)
    with pytest.raises(Conflict, match=r"create deployments\.apps default: .*already exists"):
        cluster.create(REF, MANIFEST)


def test_where_an_object_is_made_is_what_the_reference_says(cluster: KubernetesCluster) -> None:
    """A manifest's own name and namespace do not lead elsewhere."""
    made = cluster.create(REF, {**MANIFEST, "metadata": {"name": "other", "namespace": "kube-system"}})
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == ("app", "default")


def test_a_stale_guard_is_a_conflict(cluster: KubernetesCluster) -> None:
    """A patch that was decided on an older version changes nothing."""
    old = cluster.create(REF, MANIFEST)["metadata"]["resourceVersion"]
    new = cluster.patch(REF, {"spec": {"replicas": 3}}, old)["metadata"]["resourceVersion"]
    with pytest.raises(Conflict, match=r"patch deployments\.apps default/app: "):
        cluster.patch(REF, {"spec": {"replicas": 4}}, old)
    assert cluster.patch(REF, {"spec": {"replicas": 5}}, new)["spec"]["replicas"] == 5


def test_of_two_guarded_patches_one_wins(cluster: KubernetesCluster) -> None:
    """However many write at once with one guard, exactly one does."""
    version = cluster.create(REF, MANIFEST)["metadata"]["resourceVersion"]

    def write(replicas: int) -> bool:
        try:
            cluster.patch(REF, {"spec": {"replicas": replicas}}, version)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(10, 18))) == [False] * 7 + [True]


def test_a_patch_of_what_is_gone_is_a_conflict(cluster: KubernetesCluster) -> None:
    """Somebody deleted the object: gather again."""
    with pytest.raises(Conflict, match="it is gone"):
        cluster.patch(REF, {"spec": {"replicas": 1}})


def test_a_status_is_patched_by_itself(cluster: KubernetesCluster) -> None:
    """The status subresource changes the status alone."""
    cluster.create(REF, MANIFEST)
    cluster.patch_status(REF, {"status": {"replicas": 2, "readyReplicas": 1}, "spec": {"replicas": 9}})
    read = cluster.get(REF)
    assert read is not None
    assert (read["status"]["readyReplicas"], read["spec"]["replicas"]) == (1, 2)


def test_a_status_can_be_guarded(cluster: KubernetesCluster) -> None:
    """A status that was worked out from an older version is a conflict."""
    old = cluster.create(REF, MANIFEST)["metadata"]["resourceVersion"]
    new = cluster.patch_status(REF, {"status": {"replicas": 1}}, old)["metadata"]["resourceVersion"]
    assert new != old
    with pytest.raises(Conflict):
        cluster.patch_status(REF, {"status": {"replicas": 2}}, old)


def test_refused_content_is_told(cluster: KubernetesCluster) -> None:
    """What the API server refuses is named in its own words."""
    cluster.create(REF, MANIFEST)
    with pytest.raises(BadCanary, match=r"patch deployments\.apps default/app: .*replicas"):
        cluster.patch(REF, {"spec": {"replicas": -1}})


def test_lists(cluster: KubernetesCluster) -> None:
    """Lists hold one namespace or all, whole objects or metadata alone."""
    for namespace, name in (("default", "a"), ("default", "b"), ("kube-system", "c")):
        cluster.create(Ref(DEPLOYMENT, namespace, name), MANIFEST)
    assert [item["metadata"]["name"] for item in cluster.list(DEPLOYMENT, "default")] == ["a", "b"]
    assert len(cluster.list(DEPLOYMENT)) == 3
    slim = cluster.list_metadata(DEPLOYMENT)
    assert [item["metadata"]["name"] for item in slim] == ["a", "b", "c"]
    assert all("spec" not in item and item["metadata"]["generation"] for item in slim)


def test_long_lists_come_in_pages(serve: Serve, tmp_path: Path) -> None:
    """A list is asked for page by page until there is no more."""

    def answers(asked: Asked) -> Answer:
        query = dict(parse_qsl(asked.path.partition("?")[2]))
        page = int(query.get("continue", "0&/").removesuffix("&/"))
        following = f"{page + 1}&/" if page < 2 else ""
        return Answer(json.dumps({"metadata": {"continue": following}, "items": [{"n": page}]}).encode())

    server = serve(answers)
    cluster = connect({"KUBECONFIG": str(kubeconfig.write(tmp_path / "config", server.url))})
    assert list(cluster.list(CANARY)) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert server.asked[0].path == "/apis/flagger.app/v1beta1/canaries?limit=500"


@pytest.mark.parametrize(
    ("token", "audience", "expected"),
    [
        ("good", "serinus", Review(authenticated=True, username="knative", audiences=("serinus",))),
        ("good", "other", Review(authenticated=False)),
        ("bad", "serinus", Review(authenticated=False)),
    ],
)
def test_tokens_are_reviewed(
    api: Server, cluster: KubernetesCluster, token: str, audience: str, expected: Review
) -> None:
    """The API server says whose token it is and for whom it is meant."""
    api.cluster.tokens["good"] = Identity(username="knative", audiences=("serinus",))
    assert TokenReviewer(cluster, audience).review(token) == expected


def test_a_kind_that_is_not_served(cluster: KubernetesCluster) -> None:
    """Without its CRD there are no objects of a kind, and none can be listed."""
    kind = Kind("example.org", "v1", "things", "Thing")
    assert cluster.get(Ref(kind, "default", "x")) is None
    with pytest.raises(Unavailable, match=r"list things\.example\.org"):
        cluster.list(kind)
