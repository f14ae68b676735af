"""What a step needs from the world, as protocols; `adapters/` and the tests' fakes fill them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from handlers.notifiers.knative import Sink
from handlers.providers.istio import BuiltinQueries
from handlers.providers.prometheus import MetricServer
from handlers.rollout.objects import Kind, Object, Ref, merge_patch, resource_version
from handlers.rollout.snapshot import Options
from handlers.rollout.spec.alerts import Provider
from handlers.step.durations import Durations

T = TypeVar("T")


class Cluster(Protocol):
    """The Kubernetes API, in raw objects. Every call has a timeout; all raise Unavailable when out of reach, Forbidden
    when a right is missing.
    """

    def get(self, ref: Ref) -> Object | None:
        """One object, or None when there is none."""
        ...

    def list(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        """All objects of a kind, in one namespace or (empty) in all."""
        ...

    def list_metadata(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        """The same, but each with its metadata only (`PartialObjectMetadataList`)."""
        ...

    def create(self, ref: Ref, manifest: Object) -> Object:
        """Create an object. Raises Conflict when it exists, BadCanary when the API server refuses its content."""
        ...

    def patch(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        """Merge-patch an object, guarded by a resource version when one is given.

        Raises Conflict when the guard is stale or the object is gone, BadCanary when the content is refused.
        """
        ...

    def delete(self, ref: Ref, obj: Object) -> None:
        """Delete an object, if it still is the one that was read, in this version; gone already is as good.

        Raises Conflict when it has changed.
        """
        ...

    def patch_status(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        """Merge-patch the status subresource, guarded like `patch`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request as data. `timeout` is for the whole exchange, in seconds."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a token
    body: bytes = b""
    timeout: float = 10.0
    verify: bool = True
    proxy: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response; header names in lower case, the body cut at 64 KiB."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Http(Protocol):
    """Sends one request: no redirects, no proxies or credentials taken from the environment."""

    def send(self, request: Request) -> Response:
        """Raises Unavailable, with the reason in words, when there is no answer in time."""
        ...


class Metrics(Protocol):
    """Asks a Prometheus."""

    def query(self, server: MetricServer, promql: str) -> Sequence[Object]:
        """The `result` of an instant query, as Prometheus sends it. Raises Unavailable with the answer's text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the settings say to a step. `scale` divides the durations of every Canary.

    `messengers` are told about canaries that have no alerts of their own, `sink` takes CloudEvents; with `fan_out` also
    one for each canary that a tick finds due, which is not stepped here then.
    """

    metrics_server: MetricServer
    options: Options = field(default_factory=Options)
    provider: str = "istio"
    builtin_queries: BuiltinQueries = BuiltinQueries.EXACT
    scale: float = 1.0
    event_webhook: str = field(default="", repr=False)
    cluster_name: str = ""
    messengers: tuple[Provider, ...] = ()
    sink: Sink | None = None
    fan_out: bool = False


def in_turn(calls: "Sequence[Callable[[], T]]") -> "Sequence[T]":
    """Make calls one after the other; where threads are at hand they are made together."""
    return [call() for call in calls]


def no_token(_url: str) -> str:
    """No webhook wants a token."""
    return ""


Tell = Callable[[Mapping[str, object]], None]
"""Takes what is to be remembered of something that has just been done."""


class Span(Protocol):
    """Goes around something that is done, for traces."""

    def __call__(self, name: str, carrier: Mapping[str, str], /) -> AbstractContextManager[Tell]:
        """What is called in it belongs to it; errors that pass through are remembered.

        `carrier`: attributes of the event that this is about; its `traceparent` says in which trace it was sent.
        """
        ...


@contextmanager
def no_span(_name: str, _carrier: Mapping[str, str], /) -> Iterator[Tell]:
    """Nobody traces."""
    yield lambda _fields: None


class Together(Protocol):
    """Makes independent calls, possibly at the same time; raises the first error."""

    def __call__(self, calls: Sequence[Callable[[], T]]) -> Sequence[T]:
        """The results, in the order of the calls."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All ports together, handed to whoever needs them.

    `together` makes a step's reads and queries, `spread` the steps of several canaries. `token` tells the bearer token
    that a webhook's URL wants, or nothing. Counted are `durations` of steps that did something, by namespace and
    target, `steps` by cause and outcome, and `calls` of the API server by verb and status. `span` goes around a step.
    """

    cluster: Cluster
    http: Http
    metrics: Metrics
    config: Config
    now: Callable[[], datetime]
    nonce: Callable[[], str]
    sleep: Callable[[float], None]
    together: Together = in_turn
    spread: Together = in_turn
    identity: Callable[[], str] = str
    durations: Durations = field(default_factory=Durations)
    steps: Durations = field(default_factory=Durations)
    calls: Durations = field(default_factory=Durations)
    span: Span = no_span
    token: Callable[[str], str] = no_token

    def write(self, ref: Ref, old: Object | None, new: Object) -> Object:
        """Create an object, or send what differs from how it was read; nothing at all when nothing does."""
        if old is None:
            return self.cluster.create(ref, new)
        patch = merge_patch(old, new)
        return self.cluster.patch(ref, patch, resource_version(old)) if patch else old

    def read(self, refs: Iterable[Ref]) -> "list[Object | None]":
        """Several objects, in the order of the refs, read together; None for what does not exist."""
        return list(self.together([partial(self.cluster.get, ref) for ref in refs]))
