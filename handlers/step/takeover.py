"""Finds out where a rollout is that Flagger has begun, once, when a canary has no state yet."""

from dataclasses import replace

from handlers.rollout.inherited import Found, inherited
from handlers.rollout.objects import SERVICE, Object, spec, status
from handlers.rollout.objects.configs import NONE, ref_of
from handlers.rollout.objects.flagger import same_template, touched
from handlers.rollout.objects.service_targets import service_copy
from handlers.rollout.objects.workloads import promote_primary
from handlers.rollout.weights import Cookies
from handlers.step import configs as copies
from handlers.step.configs import with_contents
from handlers.step.ports import World
from handlers.step.scene import Scene


def with_inherited(world: World, scene: Scene) -> Scene:
    """The scene, knowing where the rollout is that somebody else has begun; unchanged when there is none.

    Raises Conflict when a config has changed while it was read.
    """
    canary, said = scene.canary, status(scene.raw)
    target, primary = scene.found(canary.target), scene.found(canary.primary)
    if scene.snapshot.state or canary.deleting or target is None or primary is None:
        return scene
    if not said.get("phase"):
        return scene
    if scene.configs.digests and not scene.configs.missing:
        scene = with_contents(world, scene)
    route = scene.found(canary.route_ref)
    sources = {name: scene.found(ref_of(canary.namespace, name)) for name in scene.configs.digests}
    seen = scene.snapshot.target
    found = Found(
        revision=seen.revision if seen else "",
        same=runs_target(scene, primary),
        touched=touched(target, scene.raw, canary.analysis.interval, sources),
        routes=scene.snapshot.routes,
        cookies=scene.router.cookies(canary, route) if route else Cookies(),
    )
    return replace(scene, snapshot=replace(scene.snapshot, inherited=inherited(canary, said, found)))


def runs_target(scene: Scene, primary: Object) -> bool:
    """Whether a primary runs what the target shows, with copies that say the same, or with the very same configs.

    Raises BadCanary when no primary could be made of the target.
    """
    canary, target = scene.canary, scene.found(scene.canary.target)
    assert target is not None  # noqa: S101  asked only where there is one
    if canary.target_kind is SERVICE:
        return bool(spec(service_copy(canary, canary.primary, target, primary)) == spec(primary))
    ours = [scene.configs] if copies.as_copied(scene) else []
    made = (promote_primary(canary, target, primary, scene.options, "", configs) for configs in (*ours, NONE))
    return any(same_template(spec(fresh)["template"], spec(primary).get("template") or {}) for fresh in made)
