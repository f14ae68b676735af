"""What docs/commands.md and docs/takeover.md tell to type, typed; with a Canary, and the handlers that step it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from handlers.app import create_app
from handlers.rollout.freeze import FREEZE, frozen
from handlers.rollout.history import HISTORY
from handlers.rollout.state import STATE
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.server import Server
from handlers.sandbox.crds import install_crds
from handlers.sandbox.process import wait_for
from tests.adapters import loopback
from tests.adapters.loopback import Serve
from tests.apps import BEARER, TOKEN, served
from tests.docs.accounts import typed_by
from tests.docs.shell import Shell, needs
from tests.fakes import Kubelet
from tests.sandbox.api.client import canary, deployment
from tests.test_over_http import prometheus

pytestmark = needs("kubectl", "curl")
serve = pytest.fixture(loopback.serve)
TICK = {**BEARER, "ce-id": "1", "ce-source": "/t", "ce-type": "dev.serinus.tick", "ce-specversion": "1.0"}
CURL = 'silent\nwrite-out = "%{{http_code}}\\n"\nconnect-to = "serinus.serinus:80:{address}"\n'
"""The name of the handlers' Service leads here; below what is answered stands its status."""
SECONDS = 30
"""Until something must have happened."""
CANARIES = "/apis/flagger.app/v1beta1/namespaces/test/canaries"
DEPLOYMENTS = "/apis/apps/v1/namespaces/test/deployments"


@dataclass
class Place:
    """podinfo in the namespace test, the handlers, and a shell whose kubectl and curl find them."""

    api: Cluster
    client: FlaskClient
    shell: Shell

    @property
    def canary(self) -> Any:
        """The Canary."""
        return self.api.call("GET", f"{CANARIES}/podinfo").body

    @property
    def events(self) -> str:
        """All that was told, one line for each."""
        items = self.api.call("GET", "/api/v1/namespaces/test/events").body["items"]
        return "\n".join(item["message"] for item in items)

    def answer(self, curl: str) -> str:
        """What curl is answered, the status first."""
        *said, status = self.shell.types(curl).splitlines()
        return " ".join([status, *said])

    def push(self, image: str) -> None:
        """A new version, that is analysed then."""
        template = {"spec": {"containers": [{"name": "podinfod", "image": image}]}}
        self.api.call("PATCH", f"{DEPLOYMENTS}/podinfo", {"spec": {"template": template}})
        self.until("Progressing", weight=10)

    def tick(self) -> None:
        """Let pods come up, and send a tick."""
        Kubelet(self.api).run()
        assert self.client.post("/", headers=TICK).status_code == 204

    def until(self, phase: str, *, weight: int = 0) -> None:
        """Ticks until the Canary is there."""

        def there() -> bool:
            self.tick()
            status = self.canary["status"]
            return (status["phase"], status["canaryWeight"]) == (phase, weight)

        wait_for(there, f"{phase} at {weight}", SECONDS)


@pytest.fixture
def place(tmp_path: Path, serve: Serve) -> Iterator[Place]:
    """With time running so fast that every tick is due."""
    api = Cluster()
    install_crds(api)
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "somebody").write_text(TOKEN)
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "test"}})
    assert api.call("POST", DEPLOYMENTS, deployment("podinfo")).status == 201
    assert api.call("POST", CANARIES, canary()).status == 201
    with Server(api) as server:
        kubeconfig = str(server.write_kubeconfig(tmp_path / "kubeconfig", namespace="test"))
        app = create_app(
            {
                "KUBECONFIG": kubeconfig,
                "SERINUS_METRICS_SERVER": serve(prometheus).url,
                "SERINUS_TOKENS_DIR": str(tmp_path / "tokens"),
                "SERINUS_TIME_SCALE": "10000",
            }
        )
        environ = {"KUBECONFIG": kubeconfig, "CURL_HOME": str(tmp_path), "TOKEN": TOKEN}
        with served(app) as url, Shell(environ) as shell:
            (tmp_path / ".curlrc").write_text(CURL.format(address=url.removeprefix("http://")))
            yield Place(api, app.test_client(), shell)


def test_commands_by_annotation(place: Place) -> None:
    """The next tick aborts and tells the value as the reason, promotes, and pauses until the annotation goes."""
    abort, promote, pause = typed_by("test_commands_by_annotation")
    place.until("Initialized")
    place.push("podinfo:2")
    place.shell.types(abort)
    place.tick()
    assert place.canary["status"]["phase"] == "Failed"
    assert "latency looks bad" in place.events
    place.push("podinfo:3")
    place.shell.types(promote)
    place.tick()
    assert place.canary["status"]["phase"] == "Promoting"
    place.until("Succeeded")
    place.push("podinfo:4")
    place.shell.types(pause)
    place.tick()
    place.tick()
    assert place.canary["status"]["canaryWeight"] == 10
    assert place.shell.types("serinus get podinfo").endswith("paused by serinus.dev/pause")
    place.shell.types("kubectl annotate canary podinfo serinus.dev/pause-")
    place.until("Succeeded")


def test_a_freeze_of_a_namespace(place: Place) -> None:
    """The annotation is on the Namespace, and is a window that can be read."""
    (command,) = typed_by("test_a_freeze_of_a_namespace")
    place.shell.types(command)
    annotations = place.api.call("GET", "/api/v1/namespaces/test").body["metadata"]["annotations"]
    assert frozen(annotations, datetime(2026, 12, 24, tzinfo=UTC)).startswith("frozen until 2027-01-02T00:00:00")
    assert not frozen(annotations, datetime(2027, 1, 2, tzinfo=UTC))
    assert annotations[FREEZE]


def test_commands_over_http(place: Place) -> None:
    """Each answer is what stands beside the command; of two, the other one while the gate is closed."""
    body, *calls = typed_by("test_commands_over_http")
    _open, check, _abort = calls
    place.until("Initialized")
    place.push("podinfo:2")
    place.shell.types(body)
    assert [place.answer(check)] == claims(check)[1:]
    for call in calls:
        assert place.answer(call) == claims(call)[0]


def claims(command: str) -> list[str]:
    """What a page says beside a command about its answer: `# 200 Approved, or 403 Forbidden`."""
    _, mark, said = command.partition("  # ")
    assert mark, f"nothing is said about the answer of {command}"
    return said.split(", or ")


@pytest.fixture
def flagger(place: Place) -> Callable[[], int]:
    """Flagger in its namespace, as Helm installs it; says how many pods it is to have."""
    path = "/apis/apps/v1/namespaces/flagger-system/deployments"
    labels = {"app.kubernetes.io/name": "flagger"}
    place.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "flagger-system"}})
    place.api.call("POST", path, deployment("flagger"))
    pod = {
        "metadata": {"name": "f", "labels": labels},
        "spec": {"containers": [{"name": "flagger", "image": "flagger"}]},
    }
    assert place.api.call("POST", "/api/v1/namespaces/flagger-system/pods", pod).status == 201
    return lambda: int(place.api.call("GET", f"{path}/flagger").body["spec"]["replicas"])


def test_flagger_is_stopped(place: Place, flagger: Callable[[], int]) -> None:
    """It is to have no pod, and the wait ends when the last one is gone, not before."""
    scale, wait = typed_by("test_flagger_is_stopped")
    place.shell.types(scale)
    assert flagger() == 0
    pod = "/api/v1/namespaces/flagger-system/pods/f"
    assert "timed out" in place.shell.types(f"{wait.replace('2m', '1s')} || true")
    place.api.call("DELETE", pod)
    place.shell.types(wait)


def test_flagger_is_started_again(place: Place, flagger: Callable[[], int]) -> None:
    """It is to have one pod."""
    (command,) = typed_by("test_flagger_is_started_again")
    place.shell.types("kubectl -n flagger-system scale deployment flagger --replicas=0")
    place.shell.types(command)
    assert flagger() == 1


def test_what_is_remembered_is_removed(place: Place) -> None:
    """State and history are gone, and what somebody else has written stays."""
    (command,) = typed_by("test_what_is_remembered_is_removed")
    place.until("Initialized")
    place.shell.types("kubectl annotate canary podinfo some=body")
    assert {STATE, HISTORY} <= place.canary["metadata"]["annotations"].keys()
    place.shell.types(command)
    assert not {STATE, HISTORY} & place.canary["metadata"]["annotations"].keys()
    assert place.canary["metadata"]["annotations"]["some"] == "body"


def test_flagger_looks_for_the_first_time(place: Place) -> None:
    """The phase is what it finds in a Canary that it has not seen, and the rest of the status stays."""
    (command,) = typed_by("test_flagger_looks_for_the_first_time")
    place.until("Initialized")
    before = place.canary["status"]
    place.shell.types(command)
    assert place.canary["status"] == {**before, "phase": "Initializing"}


def test_a_shell_fails_with_its_command(place: Place) -> None:
    """Or all of this would show nothing."""
    with pytest.raises(AssertionError, match="NotFound"):
        place.shell.types("kubectl annotate canary nobody a=b\necho on")
