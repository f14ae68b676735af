"""A cluster in memory: a request in, a reply out, no I/O.

cluster = Cluster()
reply = cluster.handle(Request(method="GET", path="/api/v1/namespaces/default"))
reply = cluster.call("PATCH", "/apis/flagger.app/v1beta1/namespaces/test/canaries/podinfo", {"metadata": {...}})
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from handlers.sandbox.api import deletion, discovery, reads, reviews, scale, writes
from handlers.sandbox.api.admission import Call
from handlers.sandbox.api.request import MERGE_PATCH, Reply, Request
from handlers.sandbox.api.reviews import Identity
from handlers.sandbox.api.routing import Target, route
from handlers.sandbox.api.status import ApiError, Undecodable, bad_request
from handlers.sandbox.api.store import Store

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Cluster:
    """One API server with its storage. Safe to be used from many threads."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        new_uid: Callable[[], str] | None = None,
        log_size: int = 1024,
    ) -> None:
        self.store = Store(now=now, new_uid=new_uid, log_size=log_size)
        self.tokens: dict[str, Identity] = {}
        for name in NAMESPACES:
            self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def handle(self, request: Request) -> Reply:
        """Answer one request; a refusal is a reply as well, with a Status object."""
        try:
            with self.store.lock:
                return self._answer(request)
        except ApiError as error:
            return Reply(status=error.code, body=error.body())

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "",
    ) -> Reply:
        """`handle` for plain JSON; a PATCH is a merge patch unless another type is given."""
        kind = content_type or (MERGE_PATCH if method == "PATCH" else "application/json")
        return self.handle(Request(method=method, path=path, body=body, query=query or {}, content_type=kind))

    def copy(self) -> "Cluster":
        """A cluster of its own in the same state; cheap, for the two share the objects."""
        twin = object.__new__(Cluster)
        twin.store = self.store.copy()
        twin.tokens = dict(self.tokens)
        return twin

    def _answer(self, request: Request) -> Reply:
        if request.method == "GET" and (found := discovery.answer(self.store.resources, request.path)) is not None:
            return found
        if request.method == "POST" and (kind := self._review(request.path)):
            body = request.json()
            return reviews.review(kind, body if isinstance(body, dict) else {}, request.user, self.tokens)
        target = route(self.store.resources, request.path)
        if request.method == "GET":
            return self._read(target, request)
        call = Call(store=self.store, target=target, request=request)
        if target.subresource in target.resource.subresources:
            return self._act(call)
        return self._write(call)

    def _read(self, target: Target, request: Request) -> Reply:
        if request.query.get("watch") in ("true", "1"):
            return reads.watch(self.store, target, request)
        if not target.name:
            return reads.listing(self.store, target, request)
        if target.subresource == "scale":
            return scale.get(Call(store=self.store, target=target, request=request))
        return reads.get(self.store, target, request)

    def _write(self, call: Call) -> Reply:
        try:
            return self._written(call)
        except Undecodable as error:
            kind = call.target.resource.kind
            what = f'{kind} in version "{call.target.version.name}" cannot be handled as a {kind}'
            raise bad_request(f"{what}: {error}") from None

    def _written(self, call: Call) -> Reply:
        target = call.target
        match call.request.method, bool(target.name):
            case "POST", False:
                return writes.create(call)
            case "PUT" | "PATCH", True if target.subresource == "scale":
                return scale.change(call)
            case "PUT", True:
                return writes.update(call)
            case "PATCH", True:
                return writes.patch(call)
            case "DELETE", True if not target.subresource:
                return deletion.delete(self.store, target, call.request)
            case "DELETE", False:
                return deletion.delete_collection(self.store, target, call.request)
            case _:
                return _refuse()

    def _act(self, call: Call) -> Reply:
        match call.request.method, call.target.subresource:
            case "POST", "binding":
                return reviews.bind(call)
            case "POST", "eviction":
                return reviews.evict(call)
            case "POST", "token":
                return reviews.request_token(call, self.tokens)
            case _:
                return _refuse()

    def _review(self, path: str) -> str:
        parts = path.strip("/").split("/")
        if len(parts) == 4 and parts[0] == "apis" and parts[2] == "v1":  # noqa: PLR2004 apis/group/v1/plural
            return reviews.REVIEWS.get((parts[1], parts[3]), "")
        return ""


def _refuse() -> Reply:
    text = "the server does not allow this method on the requested resource"
    raise ApiError(405, text, details={})
