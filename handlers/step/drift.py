"""Finds out whether what is made for a Canary differs from what it declares, and what will differ after a copy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from handlers.errors import BadCanary
from handlers.rollout.actions import Action, ApexService, PrimaryScaler, Route, RouteTargets, WorkloadServices
from handlers.rollout.facts import target_alone
from handlers.rollout.objects import SERVICE, Object, Ref, labels, merge_patch, spec
from handlers.rollout.objects.ownership import with_metadata
from handlers.rollout.objects.services import Backends, apex_service, primary_service
from handlers.rollout.objects.sides import sides_of
from handlers.rollout.rules.moving import AT_TARGET
from handlers.rollout.stages import ACTIVE
from handlers.rollout.state import Phase, State
from handlers.step.act import behind, rendered, settled
from handlers.step.leaving import left_behind
from handlers.step.scene import UNSEEN, Scene, key, observed, token

DECLARED: tuple[Action, ...] = (PrimaryScaler(), WorkloadServices(), ApexService(), RouteTargets())
"""What is compared with the cluster to find drift, with the route at the weights that it has."""


def with_drift(scene: Scene) -> Scene:
    """The scene, knowing whether what we make differs from what the spec says."""
    if not _comparable(scene):
        return scene
    known, route = scene.snapshot.known, scene.canary.route_ref
    found = dict(_outdated(scene, known))
    if _running(known):
        drift = replace(scene.snapshot, drift=bool(found.keys() - {route}), rerouted=route in found)
    else:
        drift = replace(scene.snapshot, drift=bool(found or scene.stale_copies))
        astray = drift.routes is None or drift.routes.canary > 0
        found |= dict(_rendered(scene, (Route(0),), known)) if astray else {}
    return replace(scene, snapshot=replace(drift, edited=tuple(_edits(scene, found))))


def _running(standing: State) -> bool:
    return standing.phase in ACTIVE or standing.phase is Phase.WAITING


def _comparable(scene: Scene) -> bool:
    """Whether all is known that the objects follow from; of a target whose pods look like the primary's it is not."""
    if scene.moving is not None or scene.found(scene.canary.target) is None:
        return False
    if scene.canary.target_kind is SERVICE:
        return True
    try:
        behind(scene)
    except BadCanary:
        return False
    return True


def outdated(scene: Scene, standing: State) -> set[Ref]:
    """The objects that were read and that are not as the Canary, with a state, wants them."""
    return {ref for ref, _ in _outdated(scene, standing)}


def _outdated(scene: Scene, standing: State) -> Iterator[tuple[Ref, Object]]:
    """These objects, and what has to be patched; nothing where one is not there."""
    if _comparable(scene):
        # the primary's scaler is left alone in the middle of a run
        declared = DECLARED[1:] if _running(standing) else DECLARED
        declared = AT_TARGET if target_alone(scene.snapshot) else declared
        yield from _rendered(scene, (*declared, *_route(scene, standing)), standing)


def _rendered(scene: Scene, actions: Iterable[Action], standing: State) -> Iterator[tuple[Ref, Object]]:
    for action in actions:
        for ref, new in rendered(scene, action, standing):
            old = scene.found(ref)
            patch = merge_patch(old, new) if old is not None else {}
            if old is None or patch:
                yield ref, patch


def _edits(scene: Scene, found: Mapping[Ref, Object]) -> Iterator[str]:
    """What somebody else has done: since these objects were last as they should be, nothing that they follow from has
    changed.
    """
    seen_before = scene.snapshot.known.observed
    sources = {scene.canary.ref: scene.raw} | {
        ref: scene.found(ref) for ref in (scene.canary.target, scene.canary.primary)
    }
    if any(seen_before.get(key(ref)) != token(obj) for ref, obj in sources.items()):
        return
    for ref, patch in found.items():
        before, obj = seen_before.get(key(ref), ""), scene.found(ref)
        if not before or before.startswith(UNSEEN) or before == token(obj):
            continue
        name = f"{ref.kind.name} {ref.namespace}/{ref.name}"
        if obj is None:
            yield f"{name} was deleted by somebody else and is made again"
            continue
        fields = [f"{part}.{field}" for part in ("metadata", "spec") for field in patch.get(part) or ()]
        scaler = scene.canary.scaler if ref == scene.canary.primary_scaler else None
        place = str(scaler) if scaler else f"spec.service of Canary {scene.canary.name}"
        yield f"{name} was edited by somebody else and is put back: {', '.join(fields)}; say it in {place} instead"


def _route(scene: Scene, standing: State) -> tuple[Action, ...]:
    """In the middle of a run the route has the weight of the state, at rest it is healed for itself."""
    if standing.phase in ACTIVE:
        return (Route(standing.weight, standing.mirrored, standing.matched),)
    routes = scene.snapshot.routes
    return (Route(routes.canary, routes.mirrored, routes.matched),) if routes else ()


def unsettled(scene: Scene) -> Iterator[Ref]:
    """The Services of the primary that will have to be written once all of its pods are of its newest template."""
    if not settled(scene) and _has_primary(scene):
        yield from _written_for(scene, replace(behind(scene), settled=True))


def after_copy(scene: Scene) -> Iterator[Ref]:
    """The Services of the primary that will have to be written once it has the version of the target."""
    if not _has_primary(scene):
        return
    target, primary = scene.existing[scene.canary.target], scene.existing[scene.canary.primary]
    sides = sides_of(target, primary, scene.options.selector_labels)
    template = spec(target).get("template") or {}
    made = with_metadata(template, labels={**labels(template), **sides.own}, annotations={})
    copied = {**primary, "spec": {**spec(primary), "template": made}}
    yield from _written_for(scene, replace(behind(scene, copied), settled=True))


def _has_primary(scene: Scene) -> bool:
    pods = scene.canary.target_kind is not SERVICE and _comparable(scene)
    return pods and scene.found(scene.canary.primary) is not None


def seen(scene: Scene, standing: State) -> Mapping[str, str]:
    """What was seen, as far as it is as it should be, and will be after the next copy (`State.observed`)."""
    outside = {ref for ref in outdated(scene, standing) if scene.whole or ref in scene.objects}
    if standing.phase not in ACTIVE:
        outside |= set(unsettled(scene))
    tokens = observed(scene, standing, outside, set(after_copy(scene)))
    gone = set() if standing.former else {key(ref) for ref in left_behind(scene)}
    return {name: tokens[name] for name in tokens if name not in gone}


def _written_for(scene: Scene, workloads: Backends) -> Iterator[Ref]:
    """The Services of the primary that were read and that these workloads want otherwise."""
    canary = scene.canary
    for name in (canary.service.primary, canary.service.apex, *scene.snapshot.known.apexes):
        existing = scene.found(canary.service_ref(name))
        if existing is None:
            continue
        of_primary = primary_service(canary, workloads, existing)
        made = of_primary if name == canary.service.primary else apex_service(canary, workloads, existing, name)
        if spec(made) != spec(existing):
            yield canary.service_ref(name)
