"""Read the Canary; only after its answer, together, all that it names (protocol rule 1)."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.rollout import commands, state
from handlers.rollout.objects import (
    DAEMONSET,
    Object,
    Ref,
    annotations,
    generation,
    metadata,
    resource_version,
    revision,
    spec,
)
from handlers.rollout.objects.autoscalers import pausable, paused
from handlers.rollout.objects.daemonsets import scaled_to_zero
from handlers.rollout.objects.ownership import managed_fields
from handlers.rollout.objects.readiness import readiness
from handlers.rollout.objects.workloads import PROMOTED, wrote_replicas
from handlers.rollout.snapshot import Cause, CauseKind, Primary, Snapshot, Target
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stages import ACTIVE
from handlers.rollout.state import Phase, State
from handlers.routers import ROUTERS
from handlers.routers.router import Router
from handlers.step.ports import Config, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What was read: the snapshot that is decided on, and the objects that are written on.

    `objects` holds None for what does not exist; what was not read is not in it.
    """

    snapshot: Snapshot
    raw: Object
    objects: Mapping[Ref, Object | None]
    router: Router

    @property
    def canary(self) -> Canary:
        """The spec."""
        return self.snapshot.canary

    def found(self, ref: Ref) -> Object | None:
        """An object that was read, None when it does not exist."""
        return self.objects.get(ref)

    def having(self, ref: Ref, obj: Object) -> "Scene":
        """The scene after an object was written."""
        return replace(self, objects={**self.objects, ref: obj})


def gather(world: World, ref: Ref, cause: Cause, *, listed: Object | None, mine: str) -> Scene | None:
    """A scene, or None when there is no such Canary. `listed`: the Canary as just read by a list."""
    raw = listed if listed is not None else world.cluster.get(ref)
    if raw is None:
        return None
    config = world.config
    known = state.load(annotations(raw))
    # a rollback must work whatever the analysis says
    back = cause.kind is CauseKind.ALERT or (known is not None and commands.abort(annotations(raw), known))
    back = back or bool(metadata(raw).get("deletionTimestamp"))
    canary = canaries.parse(raw, scale=config.scale, provider=config.provider, lenient=back)
    router = ROUTERS[config.provider]
    refs = _refs(canary, known, router)
    found = world.together([_reader(world, item) for item in refs])
    objects = dict(zip(refs, found, strict=True))
    snapshot = _snapshot(world.now(), cause, canary, known, objects, router, config)
    return Scene(snapshot=replace(snapshot, mine=mine), raw=raw, objects=objects, router=router)


def _reader(world: World, ref: Ref) -> Callable[[], Object | None]:
    return lambda: world.cluster.get(ref)


def _refs(canary: Canary, known: State | None, router: Router) -> tuple[Ref, ...]:
    """In the middle of a run what a step rests on; otherwise everything that is made for the Canary."""
    few = (canary.target, canary.primary, canary.route_ref, *_scalers(canary, known))
    if known and not canary.deleting and (known.phase in ACTIVE or known.phase is Phase.WAITING):
        return few
    names = (canary.service.canary, canary.service.primary, canary.service.apex)
    return few + tuple(canary.service_ref(name) for name in names) + router.destination_refs(canary)


def _scalers(canary: Canary, known: State | None) -> tuple[Ref, ...]:
    """The target's scaler is always asked how far to scale; the primary's is left alone during an analysis."""
    analysed = known and known.phase in (Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION)
    refs = (canary.scaler,) if analysed else (canary.scaler, canary.primary_scaler)
    return tuple(ref for ref in refs if ref)


def _snapshot(  # noqa: PLR0913, PLR0917  it is the one place where all of it comes together
    now: datetime,
    cause: Cause,
    canary: Canary,
    known: State | None,
    objects: Mapping[Ref, Object | None],
    router: Router,
    config: Config,
) -> Snapshot:
    target, primary, route = (objects[ref] for ref in (canary.target, canary.primary, canary.route_ref))
    scaler = objects[canary.scaler] if canary.scaler else None
    return Snapshot(
        now=now,
        cause=cause,
        canary=canary,
        state=known,
        target=_target(target, canary) if target else None,
        primary=_primary(primary, canary) if primary else None,
        routes=router.weights(canary, route) if route else None,
        scaler_missing=canary.scaler is not None and scaler is None,
        scaler_awake=scaler is not None and pausable(scaler) and not paused(scaler),
        options=config.options,
    )


def _target(obj: Object, canary: Canary) -> Target:
    ready = readiness(obj, canary.analysis.canary_ready_threshold)
    daemons = canary.target_kind is DAEMONSET
    return Target(
        revision=revision.of_target(obj),
        replicas=int(not scaled_to_zero(obj)) if daemons else int(spec(obj).get("replicas", 1)),
        ready=ready.ready,
        pods=ready.available,
        ours=daemons or wrote_replicas(obj),  # nobody else gives a DaemonSet its pods back
        exceeded=ready.exceeded,
        why=ready.reason,
    )


def _primary(obj: Object, canary: Canary) -> Primary:
    ready = readiness(obj, canary.analysis.primary_ready_threshold)
    return Primary(
        promoted=annotations(obj).get(PROMOTED, ""),
        ready=ready.ready,
        pods=ready.available,
        exceeded=ready.exceeded,
        why=ready.reason,
    )


def key(ref: Ref) -> str:
    """The short name of an object in `State.observed`."""
    return f"{ref.kind.plural}/{ref.name}"


def token(obj: Object | None) -> str:
    """What changes when an object does: its generation, or its resource version where there is none.

    A HorizontalPodAutoscaler has no generation, and its status makes versions all day: who wrote the rest of it, and
    when, tells its versions apart. A ScaledObject's pause is in an annotation.
    """
    if obj is None:
        return ""
    if generation(obj):
        return f"{generation(obj)}{' paused' if paused(obj) else ''}"
    entries = list(managed_fields(obj))
    others = [entry for entry in entries if entry.get("subresource") != "status"]
    if len(others) < len(entries):
        return f"m{hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()[:16]}"
    return f"v{resource_version(obj)}"


def observed(scene: Scene, standing: State) -> Mapping[str, str]:
    """The tokens of all that was read or written, over those from before.

    A target whose revision the state does not name is not seen yet, or no tick would come to it: a rollback, for one,
    ends without a look at what was pushed meanwhile.
    """
    new = {key(ref): token(obj) for ref, obj in scene.objects.items()}
    target = scene.snapshot.target
    if target and target.revision != standing.revision:
        new[key(scene.canary.target)] = ""
    all_read = scene.canary.service_ref(scene.canary.service.apex) in scene.objects
    before = {} if all_read else scene.snapshot.known.observed  # what the spec names no more is not looked at again
    return {**before, **new, key(scene.canary.ref): token(scene.raw)}
