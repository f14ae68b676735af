"""CustomResourceDefinitions: a stored one makes its resource served."""

from types import MappingProxyType

from handlers.sandbox.api import shapes
from handlers.sandbox.api.resources import CRDS, Resource, Scale, Version
from handlers.sandbox.api.schema import Schema
from handlers.sandbox.api.status import Cause, Json
from handlers.sandbox.api.store import Name, Store
from handlers.sandbox.api.typed import OBJECT_META


def register(store: Store, name: Name) -> None:
    """Serve the resource of a stored definition, and say so in its conditions."""
    live = store.get(CRDS, name)
    if live is None or "deletionTimestamp" in live["metadata"]:
        return
    spec = live["spec"]
    store.resources[spec["group"], spec["names"]["plural"]] = resource_of(spec)
    stored_versions = [version["name"] for version in spec["versions"] if version["storage"]]
    before = live.get("status") or {}
    kept = [version for version in before.get("storedVersions", ()) if version not in stored_versions]
    status = {"acceptedNames": spec["names"], "storedVersions": kept + stored_versions}
    status["conditions"] = before.get("conditions") or [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", store.timestamp()),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", store.timestamp()),
    ]
    if status != before:
        store.put(CRDS, name, live | {"metadata": dict(live["metadata"]), "status": status})


def resource_of(spec: Json) -> Resource:
    """The resource that a definition's spec describes."""
    names = spec["names"]
    versions = {version["name"]: _version(version) for version in spec["versions"] if version["served"]}
    return Resource(
        group=spec["group"],
        plural=names["plural"],
        kind=names["kind"],
        list_kind=names["listKind"],
        singular=names["singular"],
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        namespaced=spec["scope"] == "Namespaced",
        storage=next(version["name"] for version in spec["versions"] if version["storage"]),
        versions=MappingProxyType(versions),
        custom=True,
    )


def filled(spec: Json) -> Json:
    """A definition's spec with the defaults of its names."""
    names = dict(spec.get("names", {}))
    names.setdefault("singular", names.get("kind", "").lower())
    names.setdefault("listKind", names.get("kind", "") + "List")
    return spec | {"names": names, "conversion": spec.get("conversion") or {"strategy": "None"}}


def schema_of(resource: Resource, new: Json) -> list[Cause]:
    """What is wrong with a definition; nothing for other resources."""
    if resource.key != CRDS:
        return []
    spec = new.get("spec", {})
    found = []
    full = f"{spec.get('names', {}).get('plural')}.{spec.get('group')}"
    if new["metadata"]["name"] != full:
        text = f'Invalid value: "{new["metadata"]["name"]}": must be spec.names.plural+"."+spec.group'
        found.append(Cause("FieldValueInvalid", "metadata.name", text))
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        text = f'Unsupported value: "{spec.get("scope", "")}": supported values: "Cluster", "Namespaced"'
        found.append(Cause("FieldValueNotSupported", "spec.scope", text))
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "Invalid value: must have exactly one version marked as storage version"
        found.append(Cause("FieldValueInvalid", "spec.versions", text))
    for at, version in enumerate(versions):
        if not version.get("schema", {}).get("openAPIV3Schema"):
            where = f"spec.versions[{at}].schema.openAPIV3Schema"
            found.append(Cause("FieldValueRequired", where, "Required value: schemas are required"))
    return found


def forget(store: Store, live: Json) -> None:
    """Serve the resource of a deleted definition no longer."""
    store.resources.pop((live["spec"]["group"], live["spec"]["names"]["plural"]), None)


def _version(version: Json) -> Version:
    source = version["schema"]["openAPIV3Schema"]
    subresources = version.get("subresources") or {}
    scale = subresources.get("scale")
    return Version(
        name=version["name"],
        schema=Schema(source),
        shape=shapes.of_schema(source, OBJECT_META),
        status="status" in subresources,
        scale=_scale(scale) if scale else None,
    )


def _scale(source: Json) -> Scale:
    def path(name: str) -> tuple[str, ...]:
        return tuple(filter(None, source.get(name, "").split(".")))

    return Scale(spec=path("specReplicasPath"), status=path("statusReplicasPath"), selector=path("labelSelectorPath"))


def _condition(kind: str, reason: str, message: str, now: str) -> Json:
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
