"""From a path to what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from handlers.sandbox.api.resources import Key, Resource, Version
from handlers.sandbox.api.status import no_such_path

_NAMESPACE_PARTS = {"status", "finalize"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path addresses: one object (`name`), or all of a resource, in one namespace or in every one ("")."""

    resource: Resource
    version: Version
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def api_version(self) -> str:
        """The apiVersion of objects asked for by this path."""
        return self.resource.api_version(self.version.name)


def route(resources: Mapping[Key, Resource], path: str) -> Target:
    """The target of a path below /api or /apis; ApiError 404 if nothing is served there."""
    parts = path.strip("/").split("/")
    if "%" in path:
        parts = [unquote(part) for part in parts]
    if parts[0] == "api" and len(parts) > 2:  # noqa: PLR2004 /api/v1/...
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:  # noqa: PLR2004 /apis/group/version/...
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _NAMESPACE_PARTS:  # noqa: PLR2004 namespaces/NAME/...
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    resource = resources.get((group, plural))
    served = resource.versions.get(version) if resource else None
    if resource is None or served is None or len(rest) > 3 or bool(namespace) > resource.namespaced:  # noqa: PLR2004 name/sub
        raise no_such_path()
    if name and resource.namespaced and not namespace:
        raise no_such_path()
    if subresource and not _has(resource, served, subresource):
        raise no_such_path()
    return Target(resource=resource, version=served, namespace=namespace, name=name, subresource=subresource)


def _has(resource: Resource, version: Version, subresource: str) -> bool:
    match subresource:
        case "status":
            return version.status
        case "scale":
            return version.scale is not None
        case _:
            return subresource in resource.subresources
