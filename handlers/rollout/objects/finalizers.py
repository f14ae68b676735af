"""The finalizer of a Canary, which comes and goes with `revertOnDeletion`, long before anything is to be put back."""

from handlers.rollout.objects import Object, metadata
from handlers.rollout.spec.canary import FINALIZER, Canary


def others(raw: Object) -> list[str]:
    """The finalizers of a Canary without ours."""
    return [name for name in metadata(raw).get("finalizers") or () if name != FINALIZER]


def changed(canary: Canary, raw: Object) -> Object:
    """What a patch of the metadata says of finalizers; empty when they are right."""
    names = metadata(raw).get("finalizers") or ()
    if canary.deleting or (FINALIZER in names) == canary.revert_on_deletion:
        return {}
    return {"finalizers": [*names, FINALIZER] if canary.revert_on_deletion else others(raw)}
