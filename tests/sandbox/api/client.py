"""A plain client for the conformance tests: it knows paths and JSON, and nothing of the server behind them."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3

from handlers.sandbox.process import wait_for

Json = dict[str, Any]
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
NOT_FOUND = 404
PATIENCE = 60
"""Seconds for a controller: the garbage collector looks for new kinds of objects every 30 s."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def version(self) -> str:
        """The resourceVersion of the object."""
        found: str = self.body["metadata"]["resourceVersion"]
        return found


class Api:
    """Calls of one API server, below paths that begin with /."""

    def __init__(self, url: str, token: str = "", authority: str | None = None) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(ca_certs=authority, maxsize=8, timeout=20.0)
        self._headers = {"User-Agent": "conformance/1"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def call(
        self, method: str, path: str, body: Any = None, *, kind: str = "", accept: str = "", **query: str
    ) -> Answer:
        """One request; `kind` is the content type, merge patch for a PATCH unless it is given."""
        kind = kind or (MERGE if method == "PATCH" else "application/json")
        headers = self._headers | {"Content-Type": kind, "Accept": accept or "application/json"}
        data = None if body is None else json.dumps(body)
        url = f"{self.url}{path}?{urlencode(query)}"
        reply = self._pool.request(method, url, body=data, headers=headers, retries=False)
        is_json = "json" in reply.headers.get("Content-Type", "")
        return Answer(reply.status, json.loads(reply.data) if is_json else reply.data.decode(), reply.headers)

    def get(self, path: str, **options: str) -> Answer:
        """GET."""
        return self.call("GET", path, **options)

    def eventually(self, path: str, condition: Callable[[Answer], bool], what: str) -> None:
        """GET until the answer is as it should be: what controllers do comes after the answer, on a real cluster."""
        wait_for(lambda: condition(self.get(path)), f"{path}: {what}", PATIENCE)

    def until_gone(self, path: str) -> None:
        """GET until there is nothing."""
        self.eventually(path, lambda answer: answer.status == NOT_FOUND, "is gone")

    def post(self, path: str, body: Any, **query: str) -> Answer:
        """POST."""
        return self.call("POST", path, body, **query)

    def put(self, path: str, body: Any, **query: str) -> Answer:
        """PUT."""
        return self.call("PUT", path, body, **query)

    def patch(self, path: str, body: Any, kind: str = MERGE, **query: str) -> Answer:
        """PATCH, by default a merge patch."""
        return self.call("PATCH", path, body, kind=kind, **query)

    def apply(self, path: str, body: Any, manager: str, **query: str) -> Answer:
        """Server-side apply."""
        return self.call("PATCH", path, body, kind=APPLY, fieldManager=manager, **query)

    def delete(self, path: str, body: Any = None, **query: str) -> Answer:
        """DELETE."""
        return self.call("DELETE", path, body, **query)

    def watch(self, path: str, *, seconds: int = 5, accept: str = "application/json", **query: str) -> Iterator[Json]:
        """The events of a watch, until it ends."""
        options = {"watch": "true", "timeoutSeconds": str(seconds)} | query
        url = f"{self.url}{path}?{urlencode(options)}"
        headers = self._headers | {"Accept": accept}
        reply = self._pool.request("GET", url, headers=headers, preload_content=False, retries=False)
        try:
            rest = b""
            for chunk in reply.stream(None):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines)
        finally:
            reply.close()


def configmap(name: str, data: Mapping[str, str] | None = None, **metadata: Any) -> Json:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name} | metadata, "data": dict(data or {})}


def deployment(name: str, image: str = "podinfo:6.0.0", **spec: Any) -> Json:
    """A Deployment of one container."""
    labels = {"app": name}
    containers = [{"name": "podinfod", "image": image, "ports": [{"containerPort": 9898}]}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    rest = {"selector": {"matchLabels": labels}, "template": template} | spec
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": rest}


def canary(name: str = "podinfo", **spec: Any) -> Json:
    """A Canary with a weighted analysis."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    analysis = {"interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 10}
    rest = {"targetRef": target, "service": {"port": 9898}, "analysis": analysis} | spec
    return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name}, "spec": rest}


def widgets(group: str, **version: Any) -> Json:
    """The definition of a resource `widgets` with a little of everything in its schema."""
    properties: Json = {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
        "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 2},
        "ratio": {"type": "number"},
        "port": {"x-kubernetes-int-or-string": True},
        "maybe": {"type": "string", "nullable": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "parts": {
            "type": "array",
            "maxItems": 3,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}},
            },
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "either": {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
    }
    status = {"type": "object", "properties": {"ready": {"type": "boolean"}, "replicas": {"type": "integer"}}}
    spec = {"type": "object", "required": ["size"], "properties": properties}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}}
    served = {"name": "v1", "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}} | version
    names = {"plural": "widgets", "kind": "Widget"}
    rest = {"group": group, "scope": "Namespaced", "names": names, "versions": [served]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return head | {"metadata": {"name": f"widgets.{group}"}, "spec": rest}
