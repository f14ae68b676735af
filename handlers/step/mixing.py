"""Before traffic goes anywhere: do the Services find the pods of their own side, and of no other workload (invariant
13)? Can traffic move to the target and the Service that the spec names?
"""

from dataclasses import replace
from functools import partial

from handlers.errors import BadCanary, Forbidden
from handlers.rollout.destination import check_kinds, check_there
from handlers.rollout.due import OUTDATED, WORKLOADS
from handlers.rollout.identity import formers, own_workloads
from handlers.rollout.objects import (
    CANARY,
    DAEMONSET,
    DEPLOYMENT,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Object,
    Ref,
)
from handlers.rollout.objects.adopted import check_services
from handlers.rollout.objects.ports import missing_name
from handlers.rollout.objects.readiness import readiness
from handlers.rollout.objects.sides import matched, pod_labels, selects, sides_of
from handlers.rollout.objects.strangers import strangers
from handlers.rollout.refusal import rival
from handlers.rollout.snapshot import CauseKind, Snapshot
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Phase
from handlers.step.lists import ref_to
from handlers.step.ports import World
from handlers.step.scene import Found, Scene, population
from handlers.step.wanted import Wanted

_KINDS = (DEPLOYMENT, DAEMONSET, STATEFUL_SET)
"""Whose pods a Service may meet; Jobs, which end, are not among them."""


def with_doubts(world: World, scene: Scene) -> Scene:
    """The scene, knowing whether the Services would lead to other pods than they should, and where traffic can move to.

    Raises BadCanary before anything is made for a Canary that cannot be served.
    """
    if scene.canary.deleting or scene.snapshot.cause.kind is CauseKind.ALERT:
        return scene
    if _is_new(scene):
        scene = replace(scene, snapshot=replace(scene.snapshot, alike=_alike(scene)))
    if scene.moving is not None:
        return _with_destination(world, scene, scene.moving)
    if _is_new(scene):
        check_adoption(scene.canary, scene.objects, scene)
    why = _route_doubts(scene) or _port_doubts(scene)
    if why and _is_new(scene):
        raise BadCanary(why)
    if not _in_doubt(scene):
        return replace(scene, snapshot=replace(scene.snapshot, mixed=why))
    who, there = others(world, scene.canary.namespace)
    try:
        at_target, at_primary = _strangers(scene.canary, scene.objects, scene, there)
    except BadCanary as error:  # of a target that was made anew: its pods look like the primary's
        at_target, at_primary = str(error), ""
    why = at_target or at_primary or why
    if why and _is_new(scene):
        raise BadCanary(why)
    snapshot = _with_strangers(replace(scene.snapshot, mixed=why), at_target, at_primary)
    return replace(scene, population=who, snapshot=snapshot)


def _alike(scene: Scene) -> bool:
    """Whether a primary of before a move is there whose pods have the labels that those of the new one will have."""
    target = scene.found(scene.canary.target)
    if target is None or scene.found(scene.canary.primary) is not None or scene.canary.target_kind is SERVICE:
        return False
    sides = sides_of(target, None, scene.options.selector_labels)
    made = {**pod_labels(target), **sides.own}
    before = (scene.found(one.primary) for one in formers(scene.canary, scene.snapshot.known))
    return any(
        selects(sides.primary, pod_labels(old)) or selects(matched(old), made) for old in before if old is not None
    )


def _with_strangers(snapshot: Snapshot, at_target: str, at_primary: str) -> Snapshot:
    """No traffic goes back to a primary whose Service leads to others: it is not ready for that."""
    target, primary = snapshot.target, snapshot.primary
    return replace(
        snapshot,
        target=replace(target, strangers=at_target) if target else None,
        primary=replace(primary, ready=False, why=at_primary) if primary and at_primary else primary,
    )


def _route_doubts(scene: Scene) -> str:
    """Why the spec contradicts a route that was there before; it may have been edited since that was adopted."""
    try:
        scene.router.check_adoption(scene.canary, scene.found(scene.canary.route_ref))
    except BadCanary as error:
        return str(error)
    return ""


def _port_doubts(scene: Scene) -> str:
    """Why the Service of the target's pods would lead to none of them."""
    target = scene.found(scene.canary.target)
    if target is None or scene.canary.target_kind is SERVICE:
        return ""
    return missing_name(scene.canary.service, target)


def _is_new(scene: Scene) -> bool:
    """Whether nothing has been made yet."""
    known, primary = scene.snapshot.state, scene.snapshot.primary
    young = known is None or known.phase is Phase.INITIALIZING
    return young and scene.snapshot.inherited is None and not (primary and primary.promoted)


def _in_doubt(scene: Scene) -> bool:
    """Whether anything has changed that the Services' pods follow from: a workload came or went, a version is new."""
    known, target = scene.snapshot.known, scene.snapshot.target
    if target is None or scene.canary.target_kind is SERVICE:
        return False
    if _is_new(scene):
        return True
    before = known.observed.get(WORKLOADS, "")
    changed = before == OUTDATED or (bool(scene.seen) and scene.seen.get(WORKLOADS, "") != before)
    return changed or target.revision not in (known.revision, scene.snapshot.promoted)


def others(world: World, namespace: str) -> tuple[str, dict[Ref, Object]]:
    """Who has pods in a namespace: a hash of it, and the workloads. A kind that may not be read has none."""

    def listed(kind: Kind) -> list[tuple[Ref, Object]]:
        try:
            return [(ref_to(kind, item), item) for item in world.cluster.list(kind, namespace)]
        except Forbidden:
            return []

    found = world.together([partial(listed, kind) for kind in _KINDS])
    return population(item for _, item in found[0]), {ref: item for items in found for ref, item in items}


def _strangers(canary: Canary, objects: Found, scene: Scene, there: dict[Ref, Object]) -> tuple[str, str]:
    """The strangers at either side, among the workloads that are there; none without a target."""
    target, primary = objects.get(canary.target), objects.get(canary.primary)
    if target is None:
        return "", ""
    sides = sides_of(target, primary, scene.options.selector_labels)
    own = own_workloads((canary, scene.canary), formers(scene.canary, scene.snapshot.known), there)
    return strangers(canary, sides, own, there)


def check_adoption(canary: Canary, objects: Found, scene: Scene) -> None:
    """Raise BadCanary when Services or routes of the Canary's names are there that cannot be made its own without an
    outage.
    """
    scene.router.check_adoption(canary, objects.get(canary.route_ref))
    check_services(canary, objects, scene.options.selector_labels)


def _with_destination(world: World, scene: Scene, moving: Canary) -> Scene:
    """The scene with the Canary that its spec says, or with the reason that traffic cannot move there."""
    try:
        returns = _check_destination(world, scene, moving)
    except BadCanary as error:
        serves = f"Service {scene.canary.service.apex} goes on leading to {scene.canary.primary}"
        return replace(scene, snapshot=replace(scene.snapshot, mixed=f"{error}; until then {serves}"))
    return replace(scene, snapshot=replace(scene.snapshot, destination=moving, returns=returns))


def _check_destination(world: World, scene: Scene, moving: Canary) -> bool:
    """Whether a primary with pods is there. Raises BadCanary when traffic cannot move there."""
    check_kinds(scene.canary, moving)
    refs = Wanted(canary=moving, known=None, router=scene.router, moving=False, back=False).everything
    objects = dict(zip(refs, world.read(refs), strict=True))
    check_there(moving, objects[moving.target])
    find = partial(Ref, CANARY, moving.namespace)
    if why := rival(moving, objects, lambda name: world.cluster.get(find(name))):
        raise BadCanary(why)
    check_adoption(moving, objects, scene)
    _, there = others(world, moving.namespace)
    _, at_primary = _strangers(scene.canary, scene.objects, scene, there)  # where a run would end first
    for why in filter(None, (*_strangers(moving, objects, scene, there), at_primary)):
        raise BadCanary(why)
    primary = objects[moving.primary]
    return primary is not None and readiness(primary, moving.analysis.primary_ready_threshold).available > 0
