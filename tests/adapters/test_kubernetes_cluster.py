"""The Kubernetes adapter: its semantics against the embedded API, its errors against canned answers."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from handlers.adapters.kubernetes import KubernetesCluster, TokenReviewer, connect
from handlers.auth import Review
from handlers.errors import BadCanary, BadSetting, Conflict, Forbidden, SerinusError, Unavailable
from handlers.rollout.objects import CANARY, DEPLOYMENT, EVENT, NAMESPACE, SECRET, SERVICE, Kind, Object, Ref
from handlers.sandbox.api import kubeconfig
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.reviews import Identity
from handlers.sandbox.api.server import Server
from handlers.step.durations import Durations
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Asked, Serve

serve = pytest.fixture(loopback.serve)
closed = pytest.fixture(loopback.closed)

REF = Ref(DEPLOYMENT, "default", "app")
MANIFEST: Object = {
    "metadata": {"annotations": {"a": "b"}, "labels": {"app": "app"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "app"}},
        "template": {
            "metadata": {"labels": {"app": "app"}},
            "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        },
    },
}


@pytest.fixture
def api() -> Iterator[Server]:
    """An embedded API server."""
    with Server(Cluster()) as server:
        yield server


@pytest.fixture
def cluster(api: Server, tmp_path: Path) -> KubernetesCluster:
    """The adapter, connected to the embedded API server."""
    return connect({"KUBECONFIG": str(api.write_kubeconfig(tmp_path / "config"))})


@pytest.fixture
def canned(serve: Serve, tmp_path: Path) -> Callable[..., tuple[KubernetesCluster, list[Asked]]]:
    """The adapter, connected to a server that always answers the same, and what that server is asked."""

    def start(answer: Answer, calls: Durations | None = None) -> tuple[KubernetesCluster, list[Asked]]:
        server = serve(lambda _: answer)
        path = kubeconfig.write(tmp_path / "config", server.url, token="t0ken")
        return connect({"KUBECONFIG": str(path)}, calls), server.asked

    return start


Canned = Callable[..., tuple[KubernetesCluster, list[Asked]]]


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


def test_a_review_that_is_refused_is_no_answer(canned: Canned) -> None:
    """What the API server does not review is neither valid nor invalid, and its message does not show the token."""
    cluster, _ = canned(Answer(b'{"message":"secret is too long"}', 400))
    with pytest.raises(Unavailable) as caught:
        cluster.token_review("secret", "serinus")
    assert "secret" not in str(caught.value)


def test_an_empty_review_is_a_no(canned: Canned) -> None:
    """A status without its fields authenticates nobody."""
    assert canned(Answer(b"{}", 201))[0].token_review("x", "y") == Review(authenticated=False)


Use = Callable[[KubernetesCluster], object]
CANARY_REF = Ref(CANARY, "test", "podinfo")
USES: Mapping[str, Use] = {
    "get": lambda cluster: cluster.get(REF),
    "list": lambda cluster: cluster.list(DEPLOYMENT),
    "create": lambda cluster: cluster.create(REF, MANIFEST),
    "patch": lambda cluster: cluster.patch(REF, {"spec": {}}),
    "patch status": lambda cluster: cluster.patch_status(CANARY_REF, {"status": {}}),
}


def refusal(status: int, message: str = "because") -> Answer:
    """An answer with a Status object."""
    return Answer(json.dumps({"kind": "Status", "message": message}).encode(), status)


APP = "deployments.apps default/app"
STATUS = "canaries.flagger.app/status test/podinfo"


@pytest.mark.parametrize(
    ("use", "answer", "error", "message"),
    [
        pytest.param("patch", refusal(409), Conflict, f"patch {APP}: because", id="stale"),
        pytest.param("create", refusal(409), Conflict, "create deployments.apps default: because", id="exists"),
        pytest.param("patch", refusal(404), Conflict, f"patch {APP}: it is gone", id="gone"),
        pytest.param("patch status", refusal(404), Conflict, f"patch {STATUS}: it is gone", id="gone too"),
        pytest.param("patch", refusal(422), BadCanary, f"patch {APP}: because", id="invalid"),
        pytest.param("create", refusal(400), BadCanary, "create deployments.apps default: because", id="malformed"),
        pytest.param("patch", refusal(413), BadCanary, f"patch {APP}: because", id="too large"),
        pytest.param("list", refusal(404), Unavailable, "list deployments.apps: because (status 404)", id="no CRD"),
        pytest.param("get", refusal(403), Forbidden, f"not allowed to get {APP}: because", id="RBAC"),
        pytest.param("patch status", refusal(401), Unavailable, f"not allowed to patch {STATUS}: because", id="token"),
        pytest.param("patch", refusal(429), Unavailable, f"patch {APP}: because (status 429)", id="busy"),
        pytest.param("get", refusal(500), Unavailable, f"get {APP}: because (status 500)", id="broken"),
        pytest.param(
            "get", Answer(b"oops", 503), Unavailable, f"get {APP}: no reason given (status 503)", id="no JSON"
        ),
        pytest.param("get", Answer(b"[]"), Unavailable, f"get {APP}: no reason given (status 200)", id="no object"),
        pytest.param(
            "patch",
            Answer(b"", 307, {"Location": "/x"}),
            Unavailable,
            f"patch {APP}: no reason given (status 307)",
            id="a redirect",
        ),
        pytest.param(
            "get", refusal(500, "x" * 999), Unavailable, f"get {APP}: {'x' * 512} (status 500)", id="a long reason"
        ),
        pytest.param(
            "create",
            refusal(404),
            Unavailable,
            "create deployments.apps default: because (status 404)",
            id="no such kind",
        ),
    ],
)
def test_refusals(canned: Canned, use: str, answer: Answer, error: type[SerinusError], message: str) -> None:
    """Each refusal is the error that says whether asking again helps; it names verb and object, and is asked once."""
    cluster, asked = canned(answer)
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        USES[use](cluster)
    assert len(asked) == 1


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


def test_nobody_there(closed: str, tmp_path: Path) -> None:
    """Without an API server every call says so, without its address."""
    cluster = connect({"KUBECONFIG": str(kubeconfig.write(tmp_path / "config", closed))})
    for use in USES.values():
        with pytest.raises(Unavailable, match=r"the API server cannot be asked, connection refused$"):
            use(cluster)


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


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"KUBECONFIG": "/nonexistent/config"}, id="no file"),
        pytest.param({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, id="no service account"),
    ],
)
def test_no_configuration_is_a_bad_setting(environ: Mapping[str, str]) -> None:
    """What cannot be connected to is told at the start."""
    with pytest.raises(BadSetting, match=r"KUBECONFIG: .*expected a kubeconfig, or to run in a cluster"):
        connect(environ)


@pytest.mark.parametrize("content", ["clusters: 3", "secret: [", "- secret", "secret", ""])
def test_a_broken_kubeconfig_is_a_bad_setting(tmp_path: Path, content: str) -> None:
    """A file that is no kubeconfig is named, and what is in it is not shown."""
    (tmp_path / "config").write_text(content)
    with pytest.raises(BadSetting, match="KUBECONFIG: ") as caught:
        connect({"KUBECONFIG": str(tmp_path / "config")})
    assert "secret" not in str(caught.value)


def test_requests_are_counted(canned: Canned) -> None:
    """Each by its verb and the status of its answer, from any number of threads."""
    calls = Durations()
    cluster, asked = canned(Answer(b"{}"), calls)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cluster.get(REF), range(20)))
    assert {labels: sum(found.counts) for labels, found in calls.all().items()} == {("get", "200"): len(asked)}
    assert len(asked) == 20


def test_a_kind_that_is_not_served(cluster: KubernetesCluster) -> None:
    """Without its CRD there are no objects of a kind, and none can be listed."""
    kind = Kind("example.org", "v1", "things", "Thing")
    assert cluster.get(Ref(kind, "default", "x")) is None
    with pytest.raises(Unavailable, match=r"list things\.example\.org"):
        cluster.list(kind)
