"""What the Kubernetes adapter makes of refusals, and of an API server that is not there."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from handlers.adapters.kubernetes import KubernetesCluster, connect
from handlers.auth import Review
from handlers.errors import BadCanary, BadSetting, Conflict, Forbidden, SerinusError, Unavailable
from handlers.rollout.objects import CANARY, DEPLOYMENT, Ref
from handlers.sandbox.api import kubeconfig
from tests.adapters import loopback
from tests.adapters.clusters import MANIFEST, REF, Canned, answered
from tests.adapters.loopback import Answer

canned = pytest.fixture(answered)
serve = pytest.fixture(loopback.serve)
closed = pytest.fixture(loopback.closed)


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


def test_nobody_there(closed: str, tmp_path: Path) -> None:
    """Without an API server every call says so, without its address."""
    cluster = connect({"KUBECONFIG": str(kubeconfig.write(tmp_path / "config", closed))})
    for use in USES.values():
        with pytest.raises(Unavailable, match=r"the API server cannot be asked, connection refused$"):
            use(cluster)


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
