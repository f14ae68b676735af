"""Read the Canary; only after its answer, together, all that it names (protocol rule 1).

A bootstrap reads first what it waits for, and the rest once that is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from handlers.errors import BadCanary
from handlers.rollout import commands, state
from handlers.rollout.due import CONFIGS
from handlers.rollout.freeze import NOWHERE, Namespace
from handlers.rollout.identity import Identity, formers, known_identity
from handlers.rollout.objects import (
    CANARY,
    DAEMONSET,
    SERVICE,
    Object,
    Ref,
    annotations,
    metadata,
    revision,
    spec,
)
from handlers.rollout.objects.autoscalers import least, pausable, paused
from handlers.rollout.objects.configs import Configs, ahead
from handlers.rollout.objects.daemonsets import scaled_to_zero
from handlers.rollout.objects.ownership import keeper_of, owned_by
from handlers.rollout.objects.readiness import readiness
from handlers.rollout.objects.replacement import leaves_a_gap
from handlers.rollout.objects.sides import pod_labels, selects
from handlers.rollout.objects.workloads import PROMOTED, stopped_by_hand, wrote_replicas
from handlers.rollout.refusal import rival
from handlers.rollout.snapshot import Bounds, Cause, CauseKind, Primary, Snapshot, Target
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stages import may_be_held
from handlers.rollout.state import Intent, State
from handlers.rollout.timing import due
from handlers.routers import ROUTERS
from handlers.routers.router import Router
from handlers.step.configs import missing_text, read, unread
from handlers.step.namespaces import read_namespace
from handlers.step.ports import Config, World
from handlers.step.scene import UNLISTED, Found, Scene, copies_among, stale_among, token
from handlers.step.wanted import Wanted, declared, standing


def gather(  # noqa: PLR0913  each is known to another caller
    world: World,
    ref: Ref,
    cause: Cause,
    *,
    listed: Object | None,
    mine: str,
    namespace: Namespace | None = None,
    seen: Mapping[str, str] | None = None,
) -> Scene | None:
    """A scene, or None when there is no such Canary. `listed`, `namespace`, `seen`: as a tick has just read them."""
    raw = listed if listed is not None else world.cluster.get(ref)
    if raw is None:
        return None
    config = world.config
    known = state.load(annotations(raw))
    # a rollback must work whatever the spec says
    back = cause.kind is CauseKind.ALERT or goes_back(raw, known)
    canary, moving = standing(declared(raw, known, config, back=back), known)
    known = _identified(known, canary)
    wanted = Wanted(canary=canary, known=known, router=ROUTERS[config.provider], moving=moving is not None, back=back)
    few, refs = wanted.waiting(), wanted.refs(token(raw), _listed(seen, known, canary, world.now()))
    unknown = namespace is None and freezable(canary, known, back=back)
    objects, around = _read(world, few or refs, ref.namespace if unknown else "")
    if few and not _waits(canary, objects):
        objects |= _read(world, [one for one in refs if one not in objects], "")[0]
    canary = _alone(world, canary, objects)
    configs, more = _configs(world, canary, known, objects, back=back)
    objects |= more
    known = _knowing(known, configs)
    snapshot = _snapshot(world.now(), cause, canary, known, objects, wanted.router, config, configs)
    snapshot = replace(snapshot, mine=mine, namespace=namespace or around)
    whole = moving is None and objects.keys() >= set(wanted.everything)
    scene = Scene(snapshot=snapshot, raw=raw, objects=objects, router=wanted.router, whole=whole, configs=configs)
    return replace(scene, seen=seen or {}, moving=moving)


def _listed(
    seen: Mapping[str, str] | None, known: State | None, canary: Canary, now: datetime
) -> Mapping[str, str] | None:
    """The tokens by which a step tells what it has to read. One of its own event knows none: it reads all when it has
    nothing else to do.
    """
    idle = known is not None and not due(known, now, canary.analysis.interval)
    return UNLISTED if seen is None and idle else seen


def goes_back(raw: Object, known: State | None) -> bool:
    """Whether the user has aborted the run, or deleted the Canary, or a rollback has to be finished."""
    claim = known.claim if known else None
    aborted = known is not None and commands.abort(annotations(raw), known)
    back = aborted or (claim is not None and claim.intent is Intent.ROLLBACK)
    return back or bool(metadata(raw).get("deletionTimestamp"))


def freezable(canary: Canary, known: State | None, *, back: bool) -> bool:
    """Whether a step needs to know whether the namespace is frozen."""
    return not back and not canary.suspend and may_be_held(known)


def _read(world: World, refs: Sequence[Ref], namespace: str) -> tuple[dict[Ref, Object | None], Namespace]:
    """Objects, and together with them the namespace if one is named."""
    calls: list[Callable[[], Object | Namespace | None]] = [partial(world.cluster.get, ref) for ref in refs]
    if namespace:
        calls.append(partial(read_namespace, world.cluster, namespace))
    found = world.together(calls)
    seen = next((item for item in found if isinstance(item, Namespace)), NOWHERE)
    return dict(zip(refs, (item for item in found if not isinstance(item, Namespace)), strict=True)), seen


def _configs(world: World, canary: Canary, known: State | None, objects: Found, *, back: bool) -> tuple[Configs, Found]:
    """The way back waits for no ConfigMap: it looks only whether a promotion has begun to write the copies, or, where
    nothing is known yet, whether there is a revision to go back from.
    """
    target = objects[canary.target]
    if target is None or not world.config.options.config_tracking:
        return replace(unread(target, known), unread=target is None), {}
    promoting = known is not None and known.claim is not None and known.claim.intent is Intent.PROMOTE
    if back and not promoting and (known is not None or canary.deleting):
        return unread(target, known), {}
    return read(world, canary, target, objects[canary.primary], known or State())


def _identified(known: State | None, canary: Canary) -> State | None:
    """The state with the identity that the canary has.

    Another scaler alone moves no traffic; the copy of the former one goes once the canary is at rest.
    """
    if known is None:
        return None
    before, now = known_identity(known), str(Identity.of(canary))
    left = (str(before),) if before and str(before) != now else ()
    return replace(known, identity=now, former=tuple(dict.fromkeys((*known.former, *left))))


def _knowing(known: State | None, configs: Configs) -> State | None:
    """The state with these digests. The first digests of a canary that was there before are its baseline: nothing has
    changed by looking at them for the first time.
    """
    if known is None or configs.unread or known.configs == configs.digests:
        return known
    looked = known.configs or any(name.startswith(CONFIGS) for name in known.observed)
    baseline = known.baseline if looked else revision.of_configs(configs.digests)
    return replace(known, configs=configs.digests, baseline=baseline)


def _alone(world: World, canary: Canary, objects: Found) -> Canary:
    """Raise BadCanary when another Canary has what this one wants; one that goes may go, and leaves it to the other."""
    ref = partial(Ref, CANARY, canary.namespace)
    if why := rival(canary, objects, lambda name: world.cluster.get(ref(name))):
        if not canary.deleting:
            raise BadCanary(why)
        return replace(canary, revert_on_deletion=False)
    return canary


def _waits(canary: Canary, objects: Found) -> bool:
    """Whether the primary has been made and has not its pods yet: then nothing follows from what the rest is like."""
    target, primary = objects[canary.target], objects[canary.primary]
    made = _primary(primary, canary) if target and primary else None
    return made is not None and bool(made.promoted) and not made.ready


def _snapshot(  # noqa: PLR0913, PLR0917  it is the one place where all of it comes together
    now: datetime,
    cause: Cause,
    canary: Canary,
    known: State | None,
    objects: Mapping[Ref, Object | None],
    router: Router,
    config: Config,
    configs: Configs,
) -> Snapshot:
    target, primary, route = (objects.get(ref) for ref in (canary.target, canary.primary, canary.route_ref))
    scaler = objects[canary.scaler] if canary.scaler else None
    apex = objects.get(canary.service_ref(canary.service.apex))
    return Snapshot(
        now=now,
        cause=cause,
        canary=canary,
        state=known,
        target=_target(target, canary, configs, known, apex) if target else None,
        primary=_primary(primary, canary) if primary else None,
        routes=router.weights(canary, route) if route else None,
        scaler_missing=canary.scaler is not None and scaler is None,
        scaler_awake=scaler is not None and pausable(scaler) and not paused(scaler),
        scale=config.scale,
        options=config.options,
        copying=ahead(configs, copies_among(configs, canary.namespace, objects), primary),
        astray=any(stale_among(configs, canary, objects).values()),
        gap=bool(target and primary) and _replaced(canary) and leaves_a_gap(canary, target or {}, primary or {}),
        bounds=_bounds(canary, scaler),
        left=any(_leads(one, objects.get(one.route_ref), router) for one in _moved_from(canary, known)),
    )


def _replaced(canary: Canary) -> bool:
    """Whether pods of a primary are replaced by those of a new version."""
    return canary.target_kind is not SERVICE


def _bounds(canary: Canary, scaler: Object | None) -> Bounds | None:
    """What the primary's scaler allows: what the spec says of it, or else what the target's says."""
    own = canary.autoscaler
    if own is None or scaler is None:
        return None
    low, high = (own.least, own.most)
    most = spec(scaler).get("maxReplicas") or spec(scaler).get("maxReplicaCount") or 0
    return Bounds(least=least(scaler) if low is None else max(1, low), most=int(most) if high is None else high)


def _leads(former: Canary, route: Object | None, router: Router) -> bool:
    """Whether a route of before a move is still there, or, if it was adopted, still leads to the sides of then."""
    return route is not None and (owned_by(route, former) or router.weights(former, route) is not None)


def _moved_from(canary: Canary, known: State | None) -> tuple[Canary, ...]:
    """The Canary as it was under the names of other routes than now."""
    found = formers(canary, known) if known else ()
    return tuple(one for one in found if one.route_ref != canary.route_ref)


def _target(obj: Object, canary: Canary, configs: Configs, known: State | None, apex: Object | None) -> Target:
    if canary.target_kind is SERVICE:
        # nobody knows the pods behind it (service_controller.go, IsCanaryReady)
        return Target(revision=revision.of_target(obj), replicas=1, ready=True, pods=1, ours=False)
    missing = missing_text(canary.namespace, configs)
    ready = readiness(obj, canary.analysis.canary_ready_threshold)
    daemons = canary.target_kind is DAEMONSET
    return Target(
        revision=revision.of_target(obj, configs.digests, known.baseline if known else ""),
        replicas=int(not scaled_to_zero(obj)) if daemons else int(spec(obj).get("replicas", 1)),
        ready=ready.ready and not missing,
        pods=ready.available,
        ours=daemons or wrote_replicas(obj),  # nobody else gives a DaemonSet its pods back
        exceeded=ready.exceeded,
        why=missing or ready.reason,
        called=apex is not None and selects(spec(apex).get("selector") or {}, pod_labels(obj)),
    )


def _primary(obj: Object, canary: Canary) -> Primary:
    # one that a Canary has kept which is gone was there before this one
    promoted = annotations(obj).get(PROMOTED, "") if keeper_of(obj) in ("", canary.name) else ""
    if canary.target_kind is SERVICE:
        return Primary(promoted=promoted, ready=True, pods=1)
    ready = readiness(obj, canary.analysis.primary_ready_threshold)
    return Primary(
        promoted=promoted,
        ready=ready.ready,
        pods=ready.available,
        replicas=1 if canary.target_kind is DAEMONSET else int(spec(obj).get("replicas", 1)),
        stopped=canary.target_kind is not DAEMONSET and stopped_by_hand(obj),
        exceeded=ready.exceeded,
        why=ready.reason,
    )
