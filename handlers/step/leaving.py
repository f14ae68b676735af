"""What a move of a Canary to another target or Service leaves behind, and how it is taken away."""

import logging

from handlers.errors import Forbidden
from handlers.rollout.actions import RemoveFormer, RemoveRoutes
from handlers.rollout.identity import formers
from handlers.rollout.objects import Object, Ref
from handlers.rollout.objects.autoscalers import pausable, paused, with_pause
from handlers.rollout.objects.configs import carried, copy_name, ref_of
from handlers.rollout.objects.ownership import owned_by
from handlers.rollout.spec.canary import Canary
from handlers.step.ports import World
from handlers.step.scene import Scene
from handlers.step.wanted import Wanted, made_for

log = logging.getLogger(__name__)


def removed(world: World, scene: Scene, action: RemoveRoutes | RemoveFormer) -> Scene:
    """The scene without what a move has left: what the Canary has made is deleted, what was there before stays, and a
    route that was adopted says again what it said first.
    """
    kept = _kept(scene)
    for former in formers(scene.canary, scene.snapshot.known):
        if isinstance(action, RemoveRoutes):
            scene = _without(world, scene, former.route_ref, kept)
            if former.route_ref not in kept and (route := scene.found(former.route_ref)) is not None:
                scene = _given_back(world, scene, former, route)
            continue
        scene = _let_go(world, scene, former)
        primary = scene.found(former.primary)
        for ref in made_for(former, scene.router):
            scene = _without(world, scene, ref, kept)
        if primary is not None and former.primary not in kept:
            _remove_copies(world, scene, former, primary)
    return scene


def _let_go(world: World, scene: Scene, former: Canary) -> Scene:
    """A scaler that the Canary does not name any more scales as its owner wants it to."""
    ref = former.scaler
    scaler = scene.found(ref) if ref and ref != scene.canary.scaler else None
    if ref is None or scaler is None or not (pausable(scaler) and paused(scaler)):
        return scene
    return scene.having(ref, world.write(ref, scaler, with_pause(scaler, pause=False)))


def left_behind(scene: Scene) -> set[Ref]:
    """What belonged to the Canary before its moves, and does not now."""
    former = formers(scene.canary, scene.snapshot.known)
    before = {ref for one in former for ref in made_for(one, scene.router)}
    return (before | {one.scaler for one in former if one.scaler}) - _kept(scene)


def _kept(scene: Scene) -> set[Ref]:
    now = Wanted(canary=scene.canary, known=None, router=scene.router, moving=False, back=False)
    return set(now.everything)


def _without(world: World, scene: Scene, ref: Ref, kept: set[Ref]) -> Scene:
    obj = scene.found(ref)
    if obj is None or ref in kept or not owned_by(obj, scene.canary):
        return scene
    return scene.having(ref, None) if _deleted(world, ref, obj) else scene


def _given_back(world: World, scene: Scene, former: Canary, route: Object) -> Scene:
    for ref, new in scene.router.restored(former, {former.route_ref: route}):
        scene = scene.having(ref, world.write(ref, route, new))
    return scene


def _remove_copies(world: World, scene: Scene, former: Canary, primary: Object) -> None:
    """The copies of configs that only the former primary has read."""
    wanted = {ref for config in scene.configs.all_copies for ref in scene.configs.copy_refs(former.namespace, config)}
    for config in carried(primary):
        name = copy_name(former, config, {})
        for copy in (ref_of(former.namespace, config, name), ref_of(former.namespace, config, f"{name}-previous")):
            obj = None if copy in wanted else world.cluster.get(copy)
            if obj is not None and owned_by(obj, scene.canary):
                _deleted(world, copy, obj)


def _deleted(world: World, ref: Ref, obj: Object) -> bool:
    """Whether it could be deleted; one that may not be stays, and goes with its Canary."""
    try:
        world.cluster.delete(ref, obj)
    except Forbidden as error:
        log.warning("%s", error)
        return False
    return True
