"""The Kubernetes API, in raw objects, through the official client.

Not through its typed models, which drop the fields that they do not know and take a second to load. Every kind goes the
same way, the raw one of `ApiClient`: `CustomObjectsApi` does the same for groups, but not for core/v1.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from yaml import YAMLError

from handlers.adapters.connections import reason
from handlers.auth import TOKEN_REVIEW, Review, Reviews
from handlers.errors import BadCanary, BadSetting, Conflict, Forbidden, SerinusError, Unavailable
from handlers.rollout.objects import Kind, Object, Ref, metadata, resource_version
from handlers.rollout.objects.ownership import MANAGER
from handlers.step.durations import Durations

TIMEOUT = (2, 5)
"""Seconds to connect, and to wait for each part of an answer."""
PAGE = "500"
_JSON = "application/json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_MERGE = "application/merge-patch+json"
_CONNECTIONS = 32
_SHOWN = 512
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class KubernetesCluster:
    """Fills `step.ports.Cluster`. One per process: it keeps connections alive; any number of threads may use it.

    Names are checked before they become part of a path. Nothing is sent twice. Raises, for every call:
    Conflict for 409, BadCanary for 400, 413 and 422 with the server's reason, Forbidden for 403, which names the verb
    and resource that a role lacks, Unavailable for all other refusals, and when there is no answer in time.
    """

    def __init__(self, client: ApiClient, calls: Durations | None = None) -> None:
        """`calls` counts the requests by verb and status, `none` for those that have no answer."""
        self._client = client
        self._calls = calls or Durations()

    def get(self, ref: Ref) -> Object | None:
        """One object, or None when there is none."""
        call = _Call("get", "GET", ref.kind, *_place(ref))
        status, data = self._send(call)
        return None if status == 404 else call.good(status, data)  # noqa: PLR2004  a status

    def list(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        """All objects of a kind, in one namespace or (empty) in all."""
        return [*self._pages(_Call("list", "GET", kind, namespace))]

    def list_metadata(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        """The same, but each with its metadata only (`PartialObjectMetadataList`)."""
        return [*self._pages(_Call("list", "GET", kind, namespace, accept=_METADATA))]

    def create(self, ref: Ref, manifest: Object) -> Object:
        """Create an object at `ref`, which goes before what the manifest says. Raises Conflict when it exists."""
        namespace, name = _place(ref)
        body = {
            **manifest,
            "apiVersion": ref.kind.api_version,
            "kind": ref.kind.name,
            "metadata": {**metadata(manifest), "name": name, "namespace": namespace},
        }
        return self._write(_Call("create", "POST", ref.kind, namespace), body)

    def patch(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        """Merge-patch an object, guarded by a resource version when one is given.

        Raises Conflict when the guard is stale or the object is gone, BadCanary when the content is refused.
        """
        call = _Call("patch", "PATCH", ref.kind, *_place(ref), content=_MERGE)
        return self._write(call, _guarded(patch, resource_version))

    def patch_status(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        """The same with the status subresource: `patch` is of the whole object, `{"status": …}`."""
        call = _Call("patch", "PATCH", ref.kind, *_place(ref), part="status", content=_MERGE)
        return self._write(call, _guarded(patch, resource_version))

    def delete(self, ref: Ref, obj: Object) -> None:
        """Delete an object, if it still is the one that was read, in this version; gone already is as good."""
        call = _Call("delete", "DELETE", ref.kind, *_place(ref))
        known = {"uid": metadata(obj).get("uid"), "resourceVersion": resource_version(obj)}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": known}
        status, data = self._send(call, {}, body)
        if status != 404:  # noqa: PLR2004  a status
            call.good(status, data)

    def token_review(self, token: str, audience: str) -> Review:
        """Whose token this is (TokenReview). Raises Unavailable, never with the token in it."""
        body = {"apiVersion": TOKEN_REVIEW.api_version, "kind": TOKEN_REVIEW.name}
        spec = {"token": token, "audiences": [audience]}
        try:
            answer = self._write(_Call("create", "POST", TOKEN_REVIEW), {**body, "spec": spec})
        except (BadCanary, Conflict) as error:
            raise Unavailable("create tokenreviews.authentication.k8s.io: the API server refuses") from error
        status = answer.get("status") or {}
        return Review(
            authenticated=status.get("authenticated") is True,
            username=str((status.get("user") or {}).get("username") or ""),
            audiences=tuple(str(item) for item in status.get("audiences") or ()),
        )

    def _pages(self, call: "_Call") -> Iterator[Object]:
        if call.namespace:
            _checked(call.kind, "namespace", call.namespace, _LABEL)
        query = {"limit": PAGE}
        while True:
            page = call.good(*self._send(call, query))
            yield from page.get("items") or ()
            following = metadata(page).get("continue")
            if not following:
                return
            query["continue"] = following

    def _write(self, call: "_Call", body: Object) -> Object:
        return call.good(*self._send(call, {"fieldManager": MANAGER}, body))

    def _send(
        self, call: "_Call", query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> tuple[int, Any]:
        begun, status = time.monotonic(), 0
        try:
            status, data = self._exchange(call, query, body)
        finally:
            self._calls.observe(time.monotonic() - begun, call.verb, str(status or "none"))
        return status, data

    def _exchange(self, call: "_Call", query: Mapping[str, str] | None, body: Object | None) -> tuple[int, Any]:
        path = call.path()
        try:
            method, url, headers, payload, form = self._client.param_serialize(
                call.method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": call.accept, "Content-Type": call.content},
                body=None if body is None else dict(body),
                auth_settings=["BearerToken"],
            )
            answer = self._client.call_api(method, url, headers, payload, form, _request_timeout=TIMEOUT)
            return answer.status, json.loads(answer.response.data or b"null")
        except json.JSONDecodeError:
            return answer.status, None
        except (urllib3.exceptions.HTTPError, OSError, ApiException, ConfigException) as error:
            raise Unavailable(f"{call}: the API server cannot be asked, {reason(error)}") from None


@dataclass(frozen=True, slots=True)
class TokenReviewer:
    """Fills `auth.Reviewer` for one audience."""

    cluster: Reviews
    audience: str

    def review(self, token: str) -> Review:
        """Whose token this is. Raises Unavailable."""
        return self.cluster.token_review(token, self.audience)


def connect(environ: Mapping[str, str] = os.environ, calls: Durations | None = None) -> KubernetesCluster:
    """The cluster that KUBECONFIG names, else the one this process runs in, else the one of the user's kubeconfig.

    `calls` counts its requests. Nothing is sent yet. Raises BadSetting.
    """
    settings = Configuration()
    settings.retries = False
    settings.connection_pool_maxsize = _CONNECTIONS
    path = environ.get("KUBECONFIG", "")
    try:
        if not path and environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]  # it is
        else:
            config.load_kube_config(  # type: ignore[no-untyped-call]  # it is
                path or None, client_configuration=settings, persist_config=False
            )
    except (ConfigException, OSError) as error:
        raise BadSetting(f"KUBECONFIG: {path!r}, expected a kubeconfig, or to run in a cluster: {error}") from error
    except (YAMLError, ValueError, TypeError, AttributeError, KeyError):  # their texts may show what is in the file
        raise BadSetting(f"KUBECONFIG: {path!r}, expected a kubeconfig") from None
    client = ApiClient(settings)
    client.user_agent = MANAGER
    return KubernetesCluster(client, calls)


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, as the messages about it and its path need it. `verb` is the one that roles are written with."""

    verb: str
    method: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    part: str = ""
    accept: str = _JSON
    content: str = _JSON

    def __str__(self) -> str:
        resource = f"{self.kind.plural}.{self.kind.group}" if self.kind.group else self.kind.plural
        resource += f"/{self.part}" if self.part else ""
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return " ".join(part for part in (self.verb, resource, place) if part)

    def path(self) -> str:
        """The path of the URL; namespace and name are known to be names."""
        root = f"apis/{self.kind.group}" if self.kind.group else "api"
        place = ["namespaces", self.namespace] if self.namespace else []
        parts = [root, self.kind.version, *place, self.kind.plural, self.name, self.part]
        return "/" + "/".join(part for part in parts if part)

    def good(self, status: int, data: Any) -> Object:
        """The object in an answer, or the error that it is."""
        if 200 <= status < 300 and isinstance(data, dict):  # noqa: PLR2004  the statuses that are good
            return data
        raise self._refused(status, data)

    def _refused(self, status: int, data: Any) -> SerinusError:
        message = str(data.get("message") or "")[:_SHOWN] if isinstance(data, dict) else ""
        text = f"{self}: {message or 'no reason given'}"
        match status:
            case 409:
                return Conflict(text)
            case 404 if self.method == "PATCH":
                return Conflict(f"{self}: it is gone")
            case 400 | 413 | 422:
                return BadCanary(text)
            case 401:
                return Unavailable(f"not allowed to {text}")
            case 403:
                return Forbidden(f"not allowed to {text}")
            case _:
                return Unavailable(f"{text} (status {status})")


def _guarded(patch: Object, resource_version: str) -> Object:
    """A patch that the API server refuses when the object has changed since (409)."""
    if not resource_version:
        return patch
    return {**patch, "metadata": {**metadata(patch), "resourceVersion": resource_version}}


def _place(ref: Ref) -> tuple[str, str]:
    """Namespace and name of an object, which can be part of a path. Raises BadCanary."""
    if ref.kind.namespaced:
        _checked(ref.kind, "namespace", ref.namespace, _LABEL)
    _checked(ref.kind, "name", ref.name, _SUBDOMAIN)
    return ref.namespace if ref.kind.namespaced else "", ref.name


def _checked(kind: Kind, what: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise BadCanary(f"{kind.name} {what}: {value[:80]!r} is not a DNS-1123 name")
