"""Finds out where a rollout is that Flagger has begun, once, when a canary has no state yet."""

from dataclasses import replace

from handlers.errors import BadCanary
from handlers.rollout.inherited import Found, inherited
from handlers.rollout.objects import SERVICE, Object, labels, spec, status
from handlers.rollout.objects.configs import NONE, ref_of
from handlers.rollout.objects.flagger import same_template, touched
from handlers.rollout.objects.service_targets import service_copy
from handlers.rollout.objects.workloads import create_primary, selector_label
from handlers.rollout.weights import Cookies
from handlers.step import configs as copies
from handlers.step.configs import with_contents
from handlers.step.ports import World
from handlers.step.scene import Scene


def with_inherited(world: World, scene: Scene) -> Scene:
    """The scene, knowing where the rollout is that somebody else has begun; unchanged when there is none.

    Raises Conflict when a config has changed while it was read, BadCanary for a primary that we could not go on with.
    """
    canary, said = scene.canary, status(scene.raw)
    target, primary = scene.found(canary.target), scene.found(canary.primary)
    if scene.snapshot.state or canary.deleting or target is None or primary is None:
        return scene
    _check_selected(scene, target, primary)
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


def _check_selected(scene: Scene, target: Object, primary: Object) -> None:
    """A Service of ours that selects by another label than Flagger's would have no pods at all."""
    if scene.canary.target_kind is SERVICE:
        return
    label, value = selector_label(target, scene.snapshot.options.selector_labels)
    found = labels(spec(primary).get("template") or {}).get(label)
    if found != f"{value}-primary":
        raise BadCanary(
            f"{scene.canary.primary}: its pods have the label {label}={found or ''}, expected {label}={value}-primary; "
            "SERINUS_SELECTOR_LABELS has to be what Flagger's -selector-labels was"
        )


def runs_target(scene: Scene, primary: Object) -> bool:
    """Whether a primary runs what the target shows, with copies that say the same, or with the very same configs.

    Raises BadCanary when no primary could be made of the target.
    """
    canary, target = scene.canary, scene.found(scene.canary.target)
    assert target is not None  # noqa: S101  asked only where there is one
    if canary.target_kind is SERVICE:
        return bool(spec(service_copy(canary, canary.primary, target, primary)) == spec(primary))
    ours = [scene.configs] if copies.as_copied(scene) else []
    made = (create_primary(canary, target, scene.snapshot.options, "", configs) for configs in (*ours, NONE))
    return any(same_template(spec(fresh)["template"], spec(primary).get("template") or {}) for fresh in made)
