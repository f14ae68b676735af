"""What a step needs from the world, as protocols; `adapters/` and the tests' fakes fill them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from handlers.rollout.objects import Kind, Object, Ref


class Cluster(Protocol):
    """The Kubernetes API, in raw objects. Every call has a timeout; all raise Unavailable when out of reach."""

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

    def patch_status(self, ref: Ref, patch: Object) -> Object:
        """Merge-patch the status subresource."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request as data. `timeout` is for the whole exchange, in seconds."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout: float = 10.0
    verify: bool = True


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


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricServer:
    """Where a Prometheus is and how to speak to it; never printed, for it may hold secrets."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool = True


class Metrics(Protocol):
    """Asks a Prometheus."""

    def query(self, server: MetricServer, promql: str) -> Sequence[Object]:
        """The `result` of an instant query, as Prometheus sends it. Raises Unavailable with the answer's text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All ports together, handed to whoever needs them."""

    cluster: Cluster
    http: Http
    metrics: Metrics
    now: Callable[[], datetime]
    nonce: Callable[[], str]
