"""Whose is it: objects by their owner references, fields by their managers; and what a copy leaves behind."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from handlers.rollout.objects import CANARY, Object, Ref, annotations, metadata
from handlers.rollout.spec.canary import Canary

MANAGER = "serinus"
"""The field manager of every write."""
FLAGGER = "flagger"
"""That of Flagger's writes."""
ROLLOUT_MANAGERS = (MANAGER, FLAGGER)
"""The field managers that scale a target for its rollout."""
PREFIX = "serinus.dev/"
"""Starts every annotation of ours; what another part wrote under it is never dropped as outdated."""
KEEPER = f"{PREFIX}canary"
"""Annotation of a primary that was there before: the Canary that has taken it over."""
FLUX_OPT_OUT: Mapping[str, str] = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}
"""Keeps Flux from undoing what is rendered here (Flagger: router/util.go, filterMetadata)."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation of `kubectl apply`: the manifest, in JSON."""

_FLUX = "toolkit.fluxcd.io"
_TOOLS = ("argocd.argoproj.io/", PREFIX)
_BOOKKEEPING = (LAST_APPLIED, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
_TRACKING = ("app.kubernetes.io/instance", "argocd.argoproj.io/instance")


def owner_reference(canary: Canary) -> dict[str, Any]:
    """What makes an object go when its Canary goes."""
    return {
        "apiVersion": CANARY.api_version,
        "kind": CANARY.name,
        "name": canary.name,
        "uid": canary.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(obj: Object, canary: Canary) -> bool:
    """Whether the object was made for this Canary, rather than found and adopted."""
    return any(owner.get("uid") == canary.uid for owner in _canaries(obj))


def owner_of(obj: Object, *, but: str) -> str:
    """The name of another Canary than this one that the object was made for; empty when there is none.

    By name: what a Canary of the same name has left behind is on its way out, or in.
    """
    names = (str(owner.get("name", "")) for owner in _canaries(obj))
    return next((name for name in names if name != but), "")


def keeper_of(obj: Object) -> str:
    """The name of the Canary that an object is marked with which no Canary owns; empty without a mark."""
    return "" if _canaries(obj) else annotations(obj).get(KEEPER, "")


def kept_by(obj: Object, canary: Canary) -> dict[str, str]:
    """The annotation with which a Canary keeps others from an object that was there before it; the owner it is not,
    for what it has not made must not go with it.
    """
    return {} if _canaries(obj) else {KEEPER: canary.name}


def _canaries(obj: Object) -> list[Object]:
    return [owner for owner in metadata(obj).get("ownerReferences") or () if owner.get("kind") == CANARY.name]


def generated(ref: Ref, canary: Canary, existing: Object | None) -> dict[str, Any]:
    """What rendering starts from: the object as it is, or a new one that the Canary owns."""
    if existing is not None:
        return dict(existing)
    meta = {"name": ref.name, "namespace": ref.namespace, "ownerReferences": [owner_reference(canary)]}
    return {"apiVersion": ref.kind.api_version, "kind": ref.kind.name, "metadata": meta}


def with_metadata(obj: Object, *, labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, Any]:
    """The object with these labels and annotations and no others; an empty map is left out."""
    maps = {"labels": dict(labels), "annotations": dict(annotations)}
    kept = {key: value for key, value in metadata(obj).items() if key not in maps}
    return {**obj, "metadata": kept | {key: value for key, value in maps.items() if value}}


def declare(obj: Object, field: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """The `labels` or `annotations` of an object with the wanted ones among them.

    Strangers' keys stay. Keys that we alone wrote and that are wanted no more go, but for those under `serinus.dev/`.
    """
    ours: set[str] = set()
    others: set[str] = set()
    for entry in managed_fields(obj):
        keys = fields_of(entry, "f:metadata", f"f:{field}") or {}
        (ours if entry.get("manager") == MANAGER else others).update(keys)
    current: Mapping[str, str] = metadata(obj).get(field) or {}
    outdated = {key.removeprefix("f:") for key in ours - others}
    return {key: value for key, value in current.items() if key not in outdated or key.startswith(PREFIX)} | dict(
        wanted
    )


def managed_fields(obj: Object) -> Iterable[Object]:
    """Who wrote which fields, and when, as the API server keeps it; empty when it was not asked for."""
    return metadata(obj).get("managedFields") or ()


def fields_of(entry: Object, *path: str) -> Object | None:
    """What a managedFields entry says below a path such as `f:spec`, `f:replicas`; None when it has no say there."""
    node: Object | None = entry.get("fieldsV1") or {}
    for key in path:
        node = node.get(key) if node is not None else None
    return node


def last_applied(obj: Object) -> Object:
    """The manifest that `kubectl apply` was last given; empty when there is none that can be read."""
    try:
        found = json.loads(annotations(obj).get(LAST_APPLIED, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def copied_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations that a copy may carry: a GitOps tool would prune, or undo, what carries its marks."""
    return {
        key: value
        for key, value in annotations.items()
        if _FLUX not in key and not key.startswith(_TOOLS) and key not in _BOOKKEEPING
    }


def copied_labels(labels: Mapping[str, str], prefixes: Iterable[str]) -> dict[str, str]:
    """The labels that a copy carries: those that start with a prefix, all for `*`, less the marks of GitOps tools."""
    return {
        key: value for key, value in including(labels, prefixes).items() if _FLUX not in key and key not in _TRACKING
    }


def including(entries: Mapping[str, str], prefixes: Iterable[str]) -> dict[str, str]:
    """The entries whose key starts with one of the prefixes, all for `*` (Flagger: canary/util.go)."""
    starts = tuple(prefix for prefix in prefixes if prefix)
    return {key: value for key, value in entries.items() if "*" in starts or key.startswith(starts)}


def without_flux(entries: Mapping[str, str]) -> dict[str, str]:
    """The entries that are no marks of Flux."""
    return {key: value for key, value in entries.items() if _FLUX not in key}
