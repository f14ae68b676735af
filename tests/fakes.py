"""The fakes that stand at the ports, one set for all tests.

The cluster is the sandbox's API without its HTTP; what runs Deployments is a few lines that a test calls; time passes
when a test says so; webhooks and metrics answer from a script and remember what they were asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.errors import BadCanary, Conflict, Forbidden, Unavailable
from handlers.providers.prometheus import MetricServer
from handlers.rollout.objects import Kind, Object, Ref
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.request import MERGE_PATCH
from handlers.sandbox.api.request import Request as ApiRequest
from handlers.step.ports import Request, Response

EPOCH = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
WRITES = frozenset({"create", "patch", "patch_status", "delete"})


class Died(BaseException):
    """The process died here; no handler of errors may see it."""


@dataclass
class Clock:
    """Time that stands still until a test lets it pass."""

    moment: datetime = EPOCH

    def __call__(self) -> datetime:
        return self.moment

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


@dataclass
class ApiCluster:
    """The Cluster port on the embedded API. `before` is called ahead of each request and may stop it."""

    api: Cluster
    before: Callable[[str, str], None] = lambda _verb, _path: None
    after: Callable[[str, str], None] = lambda _verb, _path: None
    calls: list[tuple[str, str]] = field(default_factory=list)

    def get(self, ref: Ref) -> Object | None:
        status, body = self._call("get", api_path(ref.kind, ref.namespace, ref.name))
        return None if status == 404 else _good(status, body)

    def list(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        status, body = self._call("list", api_path(kind, namespace))
        if status == 404:
            raise Unavailable(str(body.get("message")))
        return list(_good(status, body)["items"])

    def list_metadata(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        return [{"metadata": item["metadata"]} for item in self.list(kind, namespace)]

    def create(self, ref: Ref, manifest: Object) -> Object:
        return _good(*self._call("create", api_path(ref.kind, ref.namespace), manifest))

    def patch(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        return _good(
            *self._call("patch", api_path(ref.kind, ref.namespace, ref.name), _guarded(patch, resource_version))
        )

    def patch_status(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        path = api_path(ref.kind, ref.namespace, ref.name) + "/status"
        return _good(*self._call("patch_status", path, _guarded(patch, resource_version)))

    def delete(self, ref: Ref, obj: Object) -> None:
        meta = obj["metadata"]
        known = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        body = {"preconditions": known, "propagationPolicy": "Background"}
        status, answer = self._call("delete", api_path(ref.kind, ref.namespace, ref.name), body)
        if status != 404:
            _good(status, answer)

    def _call(self, verb: str, path: str, body: Object | None = None) -> tuple[int, Any]:
        self.before(verb, path)
        self.calls.append((verb, path))
        method = {"create": "POST", "patch": "PATCH", "patch_status": "PATCH", "delete": "DELETE"}.get(verb, "GET")
        query = {"fieldManager": "serinus"} if verb in WRITES else {}
        content_type = MERGE_PATCH if method == "PATCH" else "application/json"
        reply = self.api.handle(ApiRequest(method=method, path=path, body=body, query=query, content_type=content_type))
        self.after(verb, path)
        return reply.status, reply.body


def _guarded(patch: Object, resource_version: str) -> Object:
    if not resource_version:
        return patch
    return {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": resource_version}}


def api_path(kind: Kind, namespace: str, name: str = "") -> str:
    """Where the API server serves an object, or a list of them."""
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{inside}/{kind.plural}" + (f"/{name}" if name else "")


def _good(status: int, body: Any) -> Object:
    if status in (404, 409):
        raise Conflict(str(body.get("message")))
    if status in (400, 422):
        raise BadCanary(str(body.get("message")))
    if status == 403:
        raise Forbidden(str(body.get("message")))
    if status >= 400:
        raise Unavailable(str(body.get("message")))
    assert isinstance(body, Mapping)
    return body


@dataclass(frozen=True)
class HookPoint:
    """An answer that lets something happen first."""

    happens: Callable[[], None]
    answer: Response


@dataclass
class Webhooks:
    """The Http port: answers by URL, in order, the last one for ever; an exception is raised."""

    answers: dict[str, list[int | Response | Exception | HookPoint]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        answers = self.answers.get(request.url) or [200]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, HookPoint):
            answer.happens()
            return answer.answer
        return answer if isinstance(answer, Response) else Response(status=answer)


@dataclass
class Prometheus:
    """The Metrics port: values by a part of the query, in order, the last one for ever.

    None is no data, an exception is raised, a list is given as it is.
    """

    values: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[MetricServer, str]] = field(default_factory=list)

    def query(self, server: MetricServer, promql: str) -> Sequence[Object]:
        self.asked.append((server, promql))
        for part, values in self.values.items():
            if part in promql:
                value = values.pop(0) if len(values) > 1 else values[0]
                if isinstance(value, Exception):
                    raise value
                if isinstance(value, list):
                    return value
                return [] if value is None else [{"metric": {}, "value": [0, str(value)]}]
        if promql == "vector(1)":
            return [{"metric": {}, "value": [0, "1"]}]
        return [{"metric": {}, "value": [0, "50" if "duration" in promql else "100"]}]


@dataclass
class Kubelet:
    """Makes workloads ready, but for images that never get there; there are two nodes."""

    api: Cluster
    never: set[str] = field(default_factory=set)

    def run(self, *, only: str = "") -> None:
        """Bring the status of each of them to what its spec asks for."""
        kinds = {"deployments": self._status, "daemonsets": self._daemons, "statefulsets": self._status}
        for plural, status_of in kinds.items():
            for item in self.api.call("GET", f"/apis/apps/v1/{plural}").body["items"]:
                name, namespace = item["metadata"]["name"], item["metadata"]["namespace"]
                if only in ("", name):
                    where = f"/apis/apps/v1/namespaces/{namespace}/{plural}/{name}/status"
                    assert self.api.call("PATCH", where, {"status": status_of(item)}).status == 200

    def _daemons(self, item: Mapping[str, Any]) -> dict[str, Any]:
        pod = item["spec"]["template"]["spec"]
        wanted = 0 if pod.get("nodeSelector") else 2
        ready = 0 if pod["containers"][0]["image"] in self.never else wanted
        return {
            "observedGeneration": item["metadata"]["generation"],
            "currentNumberScheduled": wanted,
            "desiredNumberScheduled": wanted,
            "numberMisscheduled": 0,
            "updatedNumberScheduled": wanted,
            "numberReady": ready,
            "numberAvailable": ready,
        }

    def _status(self, item: Mapping[str, Any]) -> dict[str, Any]:
        wanted = item["spec"].get("replicas", 1)
        image = item["spec"]["template"]["spec"]["containers"][0]["image"]
        ready = 0 if image in self.never else wanted
        return {
            "observedGeneration": item["metadata"]["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
