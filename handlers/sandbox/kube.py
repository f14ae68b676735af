"""A plain Kubernetes client for the sandbox's agents: dicts in, dicts out, and nothing that a real API server lacks."""

import base64
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Self
from urllib.parse import urlencode

import urllib3
import yaml

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"  # RFC 7386: the patch that every kind of object accepts
TIMEOUT = urllib3.Timeout(connect=5, read=30)


class ApiError(Exception):
    """An answer of the API server that is no success; `status` is the HTTP status, 0 without any answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object as the API names it: `Resource("apps/v1", "deployments")`."""

    api: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection (every namespace when none is given) or of one object."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        where = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(part for part in (root + where, self.plural, name, subresource) if part)


PODS = Resource("v1", "pods")
NODES = Resource("v1", "nodes")
SERVICES = Resource("v1", "services")
CONFIG_MAPS = Resource("v1", "configmaps")
SECRETS = Resource("v1", "secrets")
DEPLOYMENTS = Resource("apps/v1", "deployments")
DAEMON_SETS = Resource("apps/v1", "daemonsets")
JOBS = Resource("batch/v1", "jobs")
VIRTUAL_SERVICES = Resource("networking.istio.io/v1beta1", "virtualservices")


def resource_of(thing: Object) -> Resource:
    """The Resource of an object, from its kind by the usual rule of plurals."""
    kind = thing["kind"].lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2] not in "aeiou" else f"{kind}s"
    return Resource(thing["apiVersion"], plural)


class Kube:
    """Requests to one API server; safe to share between threads."""

    def __init__(self, server: str, *, token: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.server = server.rstrip("/")
        self._headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        self._http = urllib3.PoolManager(maxsize=16, ssl_context=tls, timeout=TIMEOUT)

    @classmethod
    def from_kubeconfig(cls, path: str | Path) -> Self:
        """The current context of a kubeconfig: its CA or skip-verify, and a bearer token or a client certificate."""
        config = yaml.safe_load(Path(path).read_text())
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"] if context.get("user") else {}
        tls = _tls(cluster, user) if cluster["server"].startswith("https") else None
        return cls(cluster["server"], token=user.get("token", ""), tls=tls)

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """One object; raises ApiError(404) when there is none. Cluster-wide kinds have the namespace ""."""
        return self._ask("GET", resource.path(namespace, name))

    def list(self, resource: Resource, namespace: str = "") -> Object:
        """A whole list with `items` and the `metadata.resourceVersion` to watch from."""
        return self._ask("GET", resource.path(namespace))

    def create(self, resource: Resource, body: Object, subresource_of: str = "", subresource: str = "") -> Object:
        """A new object, or one posted to the subresource of an existing one (`binding`)."""
        namespace = body["metadata"].get("namespace", "")
        return self._ask("POST", resource.path(namespace, subresource_of, subresource), body)

    def patch(self, resource: Resource, namespace: str, name: str, patch: Object, subresource: str = "") -> Object:
        """The object after a JSON merge patch."""
        return self._ask("PATCH", resource.path(namespace, name, subresource), patch, MERGE_PATCH)

    def delete(
        self, resource: Resource, namespace: str, name: str, *, grace: int | None = None, uid: str = ""
    ) -> Object:
        """Delete, with a grace period in seconds (0 removes a pod at once); with a uid, only this very object."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        if uid:
            body["preconditions"] = {"uid": uid}
        return self._ask("DELETE", resource.path(namespace, name), body)

    def watch(self, resource: Resource, since: str, seconds: int) -> "Watch":
        """Changes of all objects of a kind after the resourceVersion `since`, for at most this many seconds."""
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": seconds, "allowWatchBookmarks": "true"}
        timeout = urllib3.Timeout(connect=5, read=seconds + 10)
        response = self._send("GET", f"{resource.path()}?{urlencode(query)}", timeout=timeout, preload_content=False)
        if response.status != 200:  # noqa: PLR2004  the HTTP status
            raise ApiError(response.status, response.data.decode(errors="replace")[:256])
        return Watch(response)

    def _ask(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Object:
        headers = {"content-type": kind} if body is not None else {}
        response = self._send(method, path, headers, body=None if body is None else json.dumps(body))
        if response.status >= 300:  # noqa: PLR2004  an HTTP status
            raise ApiError(response.status, f"{method} {path}: {response.data.decode(errors='replace')[:256]}")
        answer: Object = response.json()
        return answer

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request(
                method, self.server + path, headers=self._headers | dict(headers or {}), retries=False, **options
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, f"{method} {path}: {error}") from error


class Watch:
    """An open watch: iterate over it for events; `close` from any thread ends the iteration at once."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[Object]:
        """Events (`type`, `object`) until the server or `close` ends the watch; raises ApiError for an ERROR event."""
        rest = b""
        try:
            for chunk in self._response.stream(None):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from map(_event, filter(None, lines))
        except (urllib3.exceptions.HTTPError, OSError, AttributeError, ValueError):
            return  # cut off, by us or by the server: the caller resumes from the last version it has seen
        finally:
            self._response.close()

    def close(self) -> None:
        """End the iteration, wherever it waits."""
        try:
            self._response.shutdown()
        except (OSError, ValueError, AttributeError):
            return  # it has ended by itself


def _event(line: bytes) -> Object:
    event: Object = json.loads(line)
    if event["type"] == "ERROR":
        raise ApiError(event["object"].get("code", 500), event["object"].get("message", "watch failed"))
    return event


def timestamp(epoch: float | None = None) -> str:
    """Now, or these seconds since 1970, as Kubernetes writes it: RFC 3339 in UTC to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def _named(config: Object, section: str, name: str) -> Object:
    found: Object = next(entry for entry in config[section] if entry["name"] == name)
    return found


def _tls(cluster: Object, user: Object) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate := _bytes(user, "client-certificate"):
        with NamedTemporaryFile() as both:  # the ssl module reads certificates from files only
            both.write(certificate + b"\n" + _bytes(user, "client-key"))
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _bytes(section: Object, key: str) -> bytes:
    if data := section.get(f"{key}-data"):
        return base64.b64decode(data)
    return Path(section[key]).read_bytes() if section.get(key) else b""
