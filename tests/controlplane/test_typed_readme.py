"""The README's way from an empty cluster to a rollout and a rollback, typed; all but the image.

The API server and its controllers are real, the sandbox is node, mesh and Prometheus. There is no Knative, so the
handlers are here, as the service account that the page's commands have made, and their ticks; and a pod of the
sandbox runs no program, so somebody here sends what the page's two pods would, as long as these are there.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import urllib3

from handlers.app import create_app
from handlers.sandbox.kube import CONFIG_MAPS, PODS, VIRTUAL_SERVICES, ApiError, Resource
from handlers.sandbox.sandbox import Options, Sandbox
from tests.controlplane.control_plane import ADMIN, ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.programs import build
from tests.controlplane.test_typed_pages import environ_of
from tests.docs.accounts import typed_by
from tests.docs.pages import fenced
from tests.docs.shell import Shell
from tests.e2e import account
from tests.e2e.town import SCALE
from tests.manifests.files import ROOT
from tests.sandbox.agents.conftest import HAS_METRICS

CANARY = next(block.text for block in fenced("README.md") if block.kind == "yaml")
TICK = {"ce-id": "1", "ce-source": "/t", "ce-type": "dev.serinus.tick", "ce-specversion": "1.0"}
SENDERS = {"client": ("podinfo.shop", "/"), "errors": ("podinfo-canary.shop", "/status/500")}
"""What the page's pods ask for."""
_http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(5))


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster as the page expects it, and a shell in a checkout's folder with the page's `canary.yaml`."""

    sandbox: Sandbox
    shell: Shell
    folder: Path

    def weights(self) -> list[int]:
        """What primary and canary get."""
        route = self.sandbox.kube.get(VIRTUAL_SERVICES, "shop", "podinfo")["spec"]["http"][0]["route"]
        return [side["weight"] for side in route]

    def pods(self) -> set[str]:
        """The page's two, as far as they are there."""
        return {pod["metadata"]["name"] for pod in self.sandbox.kube.list(PODS, "shop")["items"]} & set(SENDERS)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """With the definitions of Istio and Knative."""
    if find_spec("envoy") is None or not HAS_METRICS:
        pytest.skip("there is no Envoy, no Prometheus or no Alertmanager")
    build()
    (tmp_path / "knative").symlink_to(ROOT / "knative")
    (tmp_path / "canary.yaml").write_text(CANARY)
    with ExitStack() as stack:
        (tmp_path / "plane").mkdir()
        plane = stack.enter_context(ControlPlane(tmp_path / "plane"))
        plane.install(*definitions("istio.io/api", "knative.dev/serving", "knative.dev/eventing"))
        plane.kube.create(Resource("v1", "namespaces"), {"metadata": {"name": "knative-eventing"}})
        features = {"metadata": {"namespace": "knative-eventing", "name": "config-features"}}
        plane.kube.create(CONFIG_MAPS, features)
        sandbox = stack.enter_context(Sandbox(Options(kubeconfig=plane.kubeconfig(ADMIN), interval=0.4)))
        yield Place(sandbox, stack.enter_context(Shell(environ_of(plane), tmp_path)), tmp_path)


@contextmanager
def again_and_again(act: Callable[[], object], pause: float) -> Iterator[None]:
    """Do something in the background until the end of the block."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(pause):
            act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def ticked(place: Place) -> Callable[[], object]:
    """The handlers, as the account and with the tokens that the page has told to make; sends them a tick."""
    environ = {
        "KUBECONFIG": str(
            account.kubeconfig(place.sandbox.kube, place.sandbox.kubeconfig, account.HANDLERS, place.folder)
        ),
        "SERINUS_NO_AUTH": "true",
        "SERINUS_METRICS_SERVER": place.sandbox.prometheus.url,
        "SERINUS_TIME_SCALE": str(SCALE),
    }
    client = create_app(environ).test_client()
    return lambda: client.post("/", headers=TICK)


def requests(place: Place) -> None:
    """One from each of the page's pods."""
    try:
        for name in place.pods():
            host, path = SENDERS[name]
            _http.request("GET", place.sandbox.ingress_url + path, headers={"Host": host})
    except (ApiError, urllib3.exceptions.HTTPError):
        return  # before there is anything, and at the end


def test_from_nothing_to_a_rollback(place: Place) -> None:
    """Each command succeeds; the first version is rolled out, and the second, which has errors, is rolled back."""
    image, *commands = typed_by("test_from_nothing_to_a_rollback")
    assert image.startswith("docker build")
    installed = 1 + next(index for index, command in enumerate(commands) if "# installed" in command)
    for command in commands[:installed]:
        place.shell.types(command)
    with again_and_again(ticked(place), 0.2), again_and_again(lambda: requests(place), 0.05):
        for command in commands[installed:]:
            printed = place.shell.types(command)
            if "# rolled out" in command:
                assert "advance from 40 to 60 %" in printed
                assert "(Succeeded 0 %)" in printed
            elif "# rolled back" in command:
                assert "failed checks threshold reached 3 (Failed 0 %)" in printed
                assert place.weights() == [100, 0]
    assert place.pods() == set()
