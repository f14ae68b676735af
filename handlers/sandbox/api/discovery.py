"""What is served: /api, /apis, /version, health, and as much OpenAPI as kubectl asks for."""

from collections.abc import Iterable, Mapping
from typing import Any

from handlers.sandbox.api.request import Reply
from handlers.sandbox.api.resources import Key, Resource
from handlers.sandbox.api.reviews import REVIEWS
from handlers.sandbox.api.status import Json, no_such_path

GIT_VERSION = "v1.36.0"
VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]


def answer(resources: Mapping[Key, Resource], path: str) -> Reply | None:
    """The reply to a path that is about the server itself; None if it is about objects."""
    parts = path.strip("/").split("/")
    match parts:
        case ["healthz" | "readyz" | "livez", *_]:
            return Reply(status=200, body="ok")
        case ["version"]:
            return Reply(status=200, body=_version())
        case ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]
            head = {"kind": "APIVersions", "versions": ["v1"]}
            return Reply(status=200, body=head | {"serverAddressByClientCIDRs": addresses})
        case ["api", "v1"]:
            return Reply(status=200, body=_resource_list(resources, "", "v1"))
        case ["apis"]:
            groups = [_group(name, versions) for name, versions in _versions(resources).items() if name]
            return Reply(status=200, body={"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        case ["apis", group]:
            return Reply(status=200, body={"kind": "APIGroup", "apiVersion": "v1"} | _known_group(resources, group))
        case ["apis", group, version]:
            return Reply(status=200, body=_resource_list(resources, group, version))
        case ["openapi", "v3"]:
            return Reply(status=200, body={"paths": {name: _document(name) for name in _places(resources)}})
        case ["openapi", "v3", *place]:
            return Reply(status=200, body=_openapi(resources, "/".join(place)))
        case _:
            return None


def _version() -> Json:
    unknown = dict.fromkeys(("gitCommit", "buildDate"), "unknown")
    names = {"major": "1", "minor": "36", "gitVersion": GIT_VERSION, "gitTreeState": "clean"}
    return names | unknown | {"goVersion": "none", "compiler": "none", "platform": "linux/amd64"}


def _versions(resources: Mapping[Key, Resource]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {
        "": ["v1"],
        "apps": ["v1"],
        "authentication.k8s.io": ["v1"],
        "authorization.k8s.io": ["v1"],
    }
    for resource in resources.values():
        known = found.setdefault(resource.group, [])
        known += [version for version in resource.versions if version not in known]
    return {group: sorted(versions, key=_priority) for group, versions in found.items()}


def _priority(version: str) -> tuple[bool, bool, str]:
    return "alpha" in version, "beta" in version, version


def _group(name: str, versions: list[str]) -> Json:
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": found, "preferredVersion": found[0]}


def _known_group(resources: Mapping[Key, Resource], name: str) -> Json:
    versions = _versions(resources).get(name)
    if not name or not versions:
        raise no_such_path()
    return _group(name, versions)


def _resource_list(resources: Mapping[Key, Resource], group: str, version: str) -> Json:
    if version not in _versions(resources).get(group, ()):
        raise no_such_path()
    rows: list[Json] = []
    for resource in resources.values():
        if resource.group == group and version in resource.versions:
            rows += _rows(resource, version)
    for (review_group, plural), kind in REVIEWS.items():
        if review_group == group:
            rows.append({"name": plural, "singularName": "", "namespaced": False, "kind": kind, "verbs": ["create"]})
    full = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": full, "resources": rows}


def _rows(resource: Resource, version: str) -> Iterable[Json]:
    base: Json = {"name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced}
    base |= {"kind": resource.kind, "verbs": VERBS}
    if resource.short_names:
        base["shortNames"] = list(resource.short_names)
    if resource.categories:
        base["categories"] = list(resource.categories)
    yield base
    below = {"singularName": "", "namespaced": resource.namespaced}
    served = resource.versions[version]
    if served.status:
        yield {"name": f"{resource.plural}/status", **below, "kind": resource.kind, "verbs": ["get", "patch", "update"]}
    if served.scale:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"]}
        yield {"name": f"{resource.plural}/scale", **below, **scale}
    for name in resource.subresources:
        kind = {"binding": "Binding", "eviction": "Eviction", "token": "TokenRequest"}[name]
        yield {"name": f"{resource.plural}/{name}", **below, "kind": kind, "verbs": ["create"]}


def _places(resources: Mapping[Key, Resource]) -> list[str]:
    found = [(group, version) for group, versions in _versions(resources).items() for version in versions]
    return [f"apis/{group}/{version}" if group else f"api/{version}" for group, version in found]


def _document(place: str) -> Json:
    return {"serverRelativeURL": f"/openapi/v3/{place}?hash=0"}


def _openapi(resources: Mapping[Key, Resource], place: str) -> Json:
    """Enough for kubectl to see that PATCH takes `fieldValidation`, and so leaves validation to the server."""
    if place not in _places(resources):
        raise no_such_path()
    *_, group, version = ("", *place.split("/")[1:])[-2:] if place.startswith("apis/") else ("", "v1")
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for resource in resources.values():
        if resource.group == group and version in resource.versions:
            gvk = {"group": group, "version": version, "kind": resource.kind}
            below = "namespaces/{namespace}/" if resource.namespaced else ""
            parameters = [
                {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
                for name in ("dryRun", "fieldManager", "fieldValidation")
            ]
            patch = {"parameters": parameters, "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": gvk}
            paths[f"/{place}/{below}{resource.plural}/{{name}}"] = {"patch": patch | {"responses": {}}}
            name = ".".join([*reversed((group or "core").split(".")), version, resource.kind])
            schemas[name] = {"type": "object", "x-kubernetes-group-version-kind": [gvk]}
    head = {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": GIT_VERSION}}
    return head | {"paths": paths, "components": {"schemas": schemas}}
