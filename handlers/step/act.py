"""Each action as writes: whole objects rendered, only differences sent, each guarded by the version that was read."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from handlers.rollout.actions import (
    Action,
    ApexService,
    CopyConfigs,
    CopyToPrimary,
    CreatePrimary,
    PauseScaler,
    PrimaryScaler,
    RemoveFormer,
    RemoveRoutes,
    RestoreRoutes,
    RestoreService,
    Route,
    RouteTargets,
    ScalePrimary,
    ScaleToPrimary,
    ScaleToZero,
    ScaleUp,
    WorkloadServices,
)
from handlers.rollout.identity import formers
from handlers.rollout.inherited import ADOPTED
from handlers.rollout.objects import DAEMONSET, SERVICE, Object, Ref, spec
from handlers.rollout.objects.autoscalers import least, pausable, primary_scaler, with_pause
from handlers.rollout.objects.daemonsets import scaled
from handlers.rollout.objects.service_targets import service_copy
from handlers.rollout.objects.services import (
    Backends,
    apex_service,
    canary_service,
    primary_service,
    restored_service,
)
from handlers.rollout.objects.sides import sides_of
from handlers.rollout.objects.workloads import (
    create_primary,
    mark_primary,
    promote_primary,
    scale_up_replicas,
)
from handlers.rollout.state import Phase, State
from handlers.rollout.weights import Split
from handlers.step import configs as copies
from handlers.step.leaving import removed
from handlers.step.ports import World
from handlers.step.scene import Scene
from handlers.step.takeover import runs_target

_ANALYSED = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})


def act(world: World, scene: Scene, actions: tuple[Action, ...], state: State) -> Scene:
    """Make the actions in order, on the way to a state. Raises Conflict when somebody wrote first."""
    for action in actions:
        if isinstance(action, RemoveRoutes | RemoveFormer):
            scene = removed(world, scene, action)
            continue
        for ref, new in rendered(scene, action, state):
            scene = scene.having(ref, world.write(ref, scene.found(ref), new))
    return scene


def rendered(  # noqa: C901, PLR0912  one case for each
    scene: Scene, action: Action, state: State
) -> Iterator[tuple[Ref, Object]]:
    """The objects as an action wants them on the way to a state, in the order they are written."""
    match action:
        case Route():
            ref = scene.canary.route_ref
            yield ref, scene.router.route(scene.canary, _split(action, state), scene.found(ref))
        case RouteTargets():
            yield from _read(scene, scene.router.destinations(scene.canary, scene.existing))
        case WorkloadServices():
            yield from _read(scene, _services(scene))
        case ApexService(at_target):
            yield from _read(scene, _apex(scene, at_target=at_target))
        case ScaleUp():
            # its pods first: nobody has moved on since the target was read, if this write is taken
            yield from _scaled(scene, state.replicas, up=True)
            yield from _paused(scene, pause=False)
        case ScaleToPrimary():
            yield from _scaled_to_primary(scene)
            yield from _paused(scene, pause=False)
        case ScaleToZero():
            yield from _paused(scene, pause=True)
            yield from _scaled(scene, 0, up=False)
        case PauseScaler():
            yield from _paused(scene, pause=True)
        case PrimaryScaler():
            yield from _primary_scaler(scene, state.floor)
        case RestoreService():
            yield from _restored_service(scene)
        case RestoreRoutes():
            yield from scene.router.restored(scene.canary, scene.existing)
        case CreatePrimary(revision) | CopyToPrimary(revision):
            yield from _copies(scene, action)
            yield scene.canary.primary, _primary(scene, action, revision)
        case CopyConfigs():
            yield from _copies(scene, action)
        case ScalePrimary(replicas):
            primary = scene.found(scene.canary.primary)
            if primary is not None:
                yield scene.canary.primary, {**primary, "spec": {**spec(primary), "replicas": replicas}}
        case RemoveRoutes() | RemoveFormer():
            return


def _split(action: Route, state: State) -> Split:
    return Split(
        weight=action.weight,
        mirrored=action.mirrored,
        matched=action.matched,
        testers=state.phase in _ANALYSED and action.weight > 0,
        cookie=state.cookie,
        primary_cookie=state.primary_cookie,
        previous_cookie=state.previous_cookie,
    )


def _target(scene: Scene) -> Object:
    target = scene.found(scene.canary.target)
    assert target is not None  # noqa: S101  no rule that needs the target decides without one
    return target


def _read(scene: Scene, wanted: Iterable[tuple[Ref, Object]]) -> Iterator[tuple[Ref, Object]]:
    """Those of the objects that were read; the others are known to be as they should be."""
    yield from ((ref, new) for ref, new in wanted if ref in scene.objects)


def behind(scene: Scene, primary: Object | None = None) -> Backends:
    """The workloads behind the Services; with another primary, as if it was that."""
    target, there = _target(scene), primary or scene.found(scene.canary.primary)
    sides = sides_of(target, there, scene.options.selector_labels)
    return Backends(target=target, primary=there, sides=sides, settled=settled(scene))


def settled(scene: Scene) -> bool:
    """Whether all pods of the primary are of its newest template, and no others are on their way out."""
    replacing = scene.snapshot.known.phase in (Phase.PROMOTING, Phase.FINALISING)
    return scene.snapshot.primary is None or (scene.snapshot.primary.ready and not replacing)


def _apex(scene: Scene, *, at_target: bool) -> Iterator[tuple[Ref, Object]]:
    """The Service that clients call, and those that they called before a move, as long as these are there."""
    ref = scene.canary.service_ref(scene.canary.service.apex)
    if ref == scene.canary.target:
        return
    workloads = replace(behind(scene), at_target=at_target)
    yield ref, apex_service(scene.canary, workloads, scene.found(ref))
    for name in scene.snapshot.known.apexes:
        former = scene.canary.service_ref(name)
        if (existing := scene.found(former)) is not None:
            yield former, apex_service(scene.canary, workloads, existing, name)


def _services(scene: Scene) -> Iterator[tuple[Ref, Object]]:
    service = scene.canary.service
    if scene.canary.target_kind is SERVICE:
        ref = scene.canary.service_ref(service.canary)
        yield ref, service_copy(scene.canary, ref, _target(scene), scene.found(ref))
        return
    workloads = behind(scene)
    sides = ((service.canary, canary_service), (service.primary, primary_service))
    # the Service of the primary has clients until the target stands in for it
    for name, render in sides[:1] if scene.snapshot.alike else sides:
        ref = scene.canary.service_ref(name)
        yield ref, render(scene.canary, workloads, scene.found(ref))


def _primary_scaler(scene: Scene, floor: int) -> Iterator[tuple[Ref, Object]]:
    original, ref = scene.canary.scaler, scene.canary.primary_scaler
    scaler = scene.found(original) if original else None
    # one that was not read is not known to be missing
    if scaler is not None and ref is not None and ref in scene.objects:
        yield ref, primary_scaler(scene.canary, scaler, scene.found(ref), floor)


def _paused(scene: Scene, *, pause: bool) -> Iterator[tuple[Ref, Object]]:
    """A scaler that is gone scales nothing, and must not stop a rollback. Those of before are let go with it."""
    former = () if pause else tuple(one.scaler for one in formers(scene.canary, scene.snapshot.known))
    for ref in dict.fromkeys((scene.canary.scaler, *former)):
        scaler = scene.found(ref) if ref else None
        if ref and scaler is not None and pausable(scaler):
            yield ref, with_pause(scaler, pause=pause)


def _scaled(scene: Scene, asked_for: int, *, up: bool) -> Iterator[tuple[Ref, Object]]:
    ref = scene.canary.target
    target = scene.found(ref)
    if target is None:
        return
    if ref.kind is SERVICE:
        yield from _services(scene)  # there are no pods of ours: the canary's copy is what the target is
        return
    if ref.kind is DAEMONSET:
        yield ref, scaled(target, up=up)
        return
    # with a scaler, the least that it allows; it may have gone since (ScaleFromZero)
    scaler, primary = scene.canary.scaler, scene.found(scene.canary.primary) or {"spec": {"replicas": asked_for}}
    model = {"spec": {"replicas": least(scene.found(scaler))}} if scaler else primary
    replicas = scale_up_replicas(target, model) if up else 0
    yield ref, {**target, "spec": {**spec(target), "replicas": replicas}}


def _scaled_to_primary(scene: Scene) -> Iterator[tuple[Ref, Object]]:
    target, primary = _target(scene), scene.found(scene.canary.primary) or {}
    if scene.canary.target.kind is SERVICE:
        return
    if scene.canary.target.kind is DAEMONSET:
        yield scene.canary.target, scaled(target, up=True)
        return
    replicas = scale_up_replicas(primary, target)
    yield scene.canary.target, {**target, "spec": {**spec(target), "replicas": replicas}}


def _restored_service(scene: Scene) -> Iterator[tuple[Ref, Object]]:
    for name in (scene.canary.service.apex, *scene.snapshot.known.apexes):
        ref = scene.canary.service_ref(name)
        existing = scene.found(ref)
        if existing and ref != scene.canary.target:
            yield ref, restored_service(scene.canary, behind(scene), existing)


def _copies(scene: Scene, action: CreatePrimary | CopyToPrimary | CopyConfigs) -> Iterator[tuple[Ref, Object]]:
    """The primary's configs, before the primary that reads them; one that was there before us has what it reads."""
    if isinstance(action, CopyConfigs):
        yield from [copies.rendered(scene, config, before=before) for config, before in scene.stale_copies.items()]
    elif isinstance(action, CopyToPrimary) or scene.found(scene.canary.primary) is None:
        yield from copies.all_rendered(scene)


def _primary(scene: Scene, action: CreatePrimary | CopyToPrimary, revision: str) -> Object:
    options, canary, primary = scene.snapshot.options, scene.canary, scene.found(scene.canary.primary)
    if canary.target_kind is SERVICE and (primary is None or isinstance(action, CopyToPrimary)):
        return service_copy(canary, canary.primary, _target(scene), primary, revision)
    if primary is None:
        replicas = scene.snapshot.known.replicas
        return create_primary(canary, _target(scene), options, revision, scene.configs, replicas=replicas)
    if isinstance(action, CopyToPrimary):
        return promote_primary(canary, _target(scene), primary, options, revision, scene.configs)
    # one that was there before us: is it the same version as the target?
    return mark_primary(canary, primary, revision if runs_target(scene, primary) else ADOPTED)
