"""Where real senders reach the handlers: gunicorn with authentication on, which works on a real control plane."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml

from handlers.rollout import history
from handlers.sandbox.demo.served import Handlers
from handlers.sandbox.process import SandboxError, free_port, wait_for
from handlers.sandbox.sandbox import Options, Sandbox
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Asked
from tests.controlplane.control_plane import ADMIN, ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.senders.relay import Relay
from tests.e2e import account
from tests.e2e.town import PATIENCE, App, Town
from tests.manifests.files import KNATIVE, objects

TRIES: Final = 5
OIDC: Final = ("SERINUS_OIDC_AUDIENCE", "SERINUS_OIDC_SUBJECTS")
"""What knative/ says about Knative's tokens is what the handlers here are told."""
RIGHTS: Final = ("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
_OF_ONE_EXCHANGE = frozenset({"host", "connection", "content-length", "accept-encoding", "transfer-encoding"})

_http = urllib3.PoolManager(maxsize=8, retries=False, timeout=urllib3.Timeout(30))


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that a sender has made, and how it was answered."""

    asked: Asked
    status: int

    @property
    def id(self) -> str:
        """Of the event, in binary mode."""
        return self.asked.headers["ce-id"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the handlers."""

    status_code: int
    text: str


class Served(Handlers):
    """The handlers, with more settings than the demo's."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        super().__init__(directory, free_port())
        self._settings = settings

    def environ(self, kubeconfig: Path, prometheus: str, ours: Mapping[str, str]) -> dict[str, str]:
        return super().environ(kubeconfig, prometheus, ours) | dict(self._settings)


@dataclass
class Site:
    """All of it. Senders are given `url`, where what they send is written down in `passed` on its way."""

    plane: ControlPlane
    directory: Path
    handlers: Served
    relay: Relay
    sandbox: Sandbox = field(init=False)
    url: str = ""
    kubeconfig: Path = Path()
    passed: list[Passed] = field(default_factory=list)

    def define(self, module: str, kind: str) -> None:
        """Have the API server know a kind of objects, as this module defines it."""
        self.plane.install(*(one for one in definitions(module) if one["spec"]["names"]["kind"] == kind))

    def start_handlers(self) -> None:
        """With the rights that knative/default gives them, and a way to the API server that can be cut."""
        prometheus = self.sandbox.prometheus.url if self.sandbox.options.metrics else ""
        self.handlers.start(self.kubeconfig, prometheus)

    def post(self, path: str, *, headers: Mapping[str, str], data: str) -> Reply:
        """Send past `passed`, with the token of cron; again after 503, which controllers can cause by their writes."""
        signed = {**headers, "Authorization": f"Bearer {self.handlers.tokens['cron']}"}
        for _ in range(TRIES):
            answer = _http.request("POST", self.handlers.url + path, headers=signed, body=data)
            if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                break
        return Reply(answer.status, answer.data.decode())

    def app(self) -> App:
        """An app in a namespace of its own, whose ticks come only when a test sends them."""
        return App(Town(self.sandbox, self))

    def push(self, app: App, version: str) -> None:
        """Give the target another version, and let the controllers have their say before any event comes."""
        app.push(version)
        self.settle(app)

    def settle(self, app: App) -> None:
        """Wait until the target is as it should be: who writes it meanwhile can make a step start over."""
        self.sandbox.wait_rolled_out(app.namespace, app.name)

    def wait_for_answers(self, wanted: Callable[[list[Passed]], bool], what: str) -> list[Passed]:
        """What senders have asked so far, as soon as it is as wanted; the log of the handlers when it never is."""
        self.wait_for(lambda: wanted(self.passed), what)
        return [*self.passed]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        try:
            wait_for(condition, what, PATIENCE)
        except SandboxError as error:
            raise AssertionError(f"{error}; answered {statuses(self.passed)}; {self.handlers.complaints()}") from error

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Meanwhile the handlers cannot reach the API server."""
        self.relay.cut()
        try:
            yield
        finally:
            self.relay.mend()

    def forward(self, asked: Asked) -> Answer:
        """Ask the handlers what a sender asks, and write it down."""
        headers = {name: value for name, value in asked.headers.items() if name not in _OF_ONE_EXCHANGE}
        try:
            found = _http.request(asked.method, self.handlers.url + asked.path, headers=headers, body=asked.body)
        except urllib3.exceptions.HTTPError:
            answer = Answer(status=HTTPStatus.SERVICE_UNAVAILABLE)  # as a Service without a ready pod behind it
        else:
            answer = Answer(found.data, found.status)
        self.passed.append(Passed(asked, answer.status))
        return answer


@contextmanager
def open_site(plane: ControlPlane, directory: Path, options: Callable[[Site], Options]) -> Iterator[Site]:
    """A sandbox as the control plane's node, the handlers, and what is between them and their senders."""
    handlers = Served(directory, oidc_settings())
    with ExitStack() as running:
        site = Site(plane, directory, handlers, running.enter_context(Relay(plane.url)))
        site.kubeconfig = _kubeconfig(plane, site.relay.url, directory)
        serve = running.enter_context(contextmanager(loopback.serve)())
        site.url = serve(site.forward).url
        site.sandbox = running.enter_context(Sandbox(options(site)))
        running.callback(handlers.stop)
        site.start_handlers()
        yield site


def statuses(passed: Sequence[Passed]) -> list[int]:
    """How requests were answered, in their order."""
    return [one.status for one in passed]


def version(app: App) -> str:
    """The Canary's resource version, which each write changes."""
    return str(app.object["metadata"]["resourceVersion"])


def steps(app: App) -> list[Mapping[str, Any]]:
    """What the Canary's history says of each step, oldest first."""
    return [*history.load(app.object["metadata"]["annotations"])]


def oidc_settings() -> dict[str, str]:
    """The settings about OIDC tokens that knative/ ships."""
    services = (item for item in objects("Service") if item["metadata"]["name"] == "serinus")
    (service,) = (item for item in services if item["apiVersion"].startswith("serving.knative.dev"))
    (container,) = service["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"] if entry["name"] in OIDC}


def _kubeconfig(plane: ControlPlane, server: str, directory: Path) -> Path:
    """Of the service account `serinus`, with the rights that the manifests give it and no others."""
    installed = yaml.safe_load_all(plane.kubectl("kustomize", str(KNATIVE / "default")))
    rights = [item for item in installed if item["kind"] in RIGHTS]
    plane.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(rights))
    return account.kubeconfig(plane.kube, plane.kubeconfig(ADMIN), account.HANDLERS, directory, server=server)
