"""What an edit has done to the namespace, and how a user undoes it."""

from collections.abc import Mapping
from typing import Any

from handlers.rollout.objects import (
    CANARY,
    CONFIG_MAP,
    DAEMONSET,
    DEPLOYMENT,
    DESTINATION_RULE,
    HPA,
    SCALED_OBJECT,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    VIRTUAL_SERVICE,
    Object,
    merge_patch,
)
from tests.lab import Lab
from tests.protocol.clients import objects

WORKLOADS = (DEPLOYMENT, DAEMONSET, STATEFUL_SET)
KINDS = (*WORKLOADS, SERVICE, VIRTUAL_SERVICE, DESTINATION_RULE, HPA, SCALED_OBJECT, CONFIG_MAP, SECRET)


def users(lab: Lab) -> dict[str, Any]:
    """All objects in the namespace, as they are now, with the Canary."""
    return {
        f"{kind.api_version}/{kind.plural}/{name}": (kind, obj)
        for kind in (*KINDS, CANARY)
        for name, obj in objects(lab, kind.plural).items()
    }


def restore(lab: Lab, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Undo what one edit has done to the objects, and nothing else."""
    for where in after.keys() | before.keys():
        (kind, old), (_, new) = before.get(where, (None, None)), after.get(where, (None, None))
        if old is new:
            continue
        kind = kind or after[where][0]
        name, now = where.rsplit("/", 1)[1], lab.get(where)
        if now and (old is None or (new and old["metadata"]["uid"] != new["metadata"]["uid"])):
            lab.delete(kind, name)
            now = None
        if old is not None and now is None:
            lab.create(kind, _bare(old))
        elif old is not None and new is not None:
            lab.edit(where, {"spec": merge_patch(new.get("spec") or {}, old.get("spec") or {})})


def _bare(obj: Object) -> dict[str, Any]:
    meta = {key: obj["metadata"][key] for key in ("name", "namespace", "labels") if key in obj["metadata"]}
    return {**{key: value for key, value in obj.items() if key not in ("metadata", "status")}, "metadata": meta}
