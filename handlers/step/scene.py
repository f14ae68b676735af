"""What a step has read, and how it remembers which version of each object that was."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from handlers.rollout.due import AFTER_COPY, CONFIGS, OUTDATED, WORKLOADS
from handlers.rollout.objects import Object, Ref, generation, metadata, resource_version
from handlers.rollout.objects.autoscalers import paused
from handlers.rollout.objects.configs import NONE, Configs, ref_of, stale
from handlers.rollout.objects.ownership import managed_fields
from handlers.rollout.snapshot import Options, Snapshot
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import State
from handlers.routers.router import Router

Found = Mapping[Ref, Object | None]

UNLISTED: Mapping[str, str] = {WORKLOADS: OUTDATED}
"""The tokens for an event which says that something has changed, and has no lists that show it: none is as it was."""
UNSEEN = (OUTDATED, AFTER_COPY)
"""The beginnings of what stands for objects that each step of a run reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What was read: the snapshot that is decided on, and the objects that are written on.

    `objects` holds None for what does not exist; what was not read is not in it. Configs and their copies are
    there by their metadata only, until a step needs what they say. `whole`: everything that is made for the Canary
    was read, and not only the few that this step rests on. `seen`: the tokens that a tick has just listed.

    `moving`: the Canary that the spec says by now, where this is still about another target or Service. `population`:
    of the namespace's workloads, as far as they were compared with the Canary's (`mixing`).
    """

    snapshot: Snapshot
    raw: Object
    objects: Found = field(repr=False)  # among them Secrets
    router: Router
    whole: bool
    configs: Configs = NONE
    seen: Mapping[str, str] = field(default_factory=dict)
    moving: Canary | None = None
    population: str = ""

    @property
    def copies(self) -> Mapping[str, Object | None]:
        """The primary's copies of configs as they were read, by config."""
        return copies_among(self.configs, self.canary.namespace, self.objects)

    @property
    def stale_copies(self) -> Mapping[str, bool]:
        """The configs whose copy is not what the primary was made with; whether only from what it said before."""
        return stale_among(self.configs, self.canary, self.objects)

    @property
    def options(self) -> Options:
        """What the settings say about decisions."""
        return self.snapshot.options

    @property
    def canary(self) -> Canary:
        """The spec."""
        return self.snapshot.canary

    @property
    def existing(self) -> Mapping[Ref, Object]:
        """What was read and exists."""
        return {ref: obj for ref, obj in self.objects.items() if obj is not None}

    def found(self, ref: Ref) -> Object | None:
        """An object that was read, None when it does not exist."""
        return self.objects.get(ref)

    def having(self, ref: Ref, obj: Object | None) -> "Scene":
        """The scene after an object was written, or deleted."""
        return replace(self, objects={**self.objects, ref: obj})


def copies_among(configs: Configs, namespace: str, objects: Found) -> Mapping[str, Object | None]:
    """The copies of configs among what was read, by config."""
    return {config: objects.get(configs.copy_refs(namespace, config)[0]) for config in configs.all_copies}


def stale_among(configs: Configs, canary: Canary, objects: Found) -> Mapping[str, bool]:
    """The configs whose copy is not what the primary was made with, among what was read."""
    previous = {config: objects.get(configs.copy_refs(canary.namespace, config)[1]) for config in configs.all_copies}
    return stale(configs, copies_among(configs, canary.namespace, objects), previous, objects.get(canary.primary))


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


def population(workloads: Iterable[Object]) -> str:
    """A hash of who has pods in a namespace, by the metadata of its Deployments; scaling and pushes do not move it."""
    names = sorted(f"{metadata(one).get('name')} {metadata(one).get('uid')}" for one in workloads)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def observed(scene: Scene, standing: State, outdated: Collection[Ref], after_copy: Collection[Ref]) -> dict[str, str]:
    """The tokens of all that was read or written, over those from before.

    A target whose revision the state does not name is not seen yet, or no tick would come to it: a rollback, for one,
    ends without a look at what was pushed meanwhile. Nor is a copy that has to be put right, nor what is `outdated`
    all the same. The Canary is seen when all that it declares was compared with what there is.
    """
    new = {key(ref): token(obj) for ref, obj in scene.objects.items()}
    new |= {key(ref): f"{AFTER_COPY}{new[key(ref)]}" for ref in after_copy} | {key(ref): OUTDATED for ref in outdated}
    target = scene.snapshot.target
    if target and target.revision != standing.revision:
        new[key(scene.canary.target)] = ""
    for config in scene.stale_copies:
        new[key(ref_of("", config, scene.configs.all_copies[config]))] = ""
    # what the spec, or the pods, name no more is not looked at again, or it would look changed for ever
    before = {
        name: seen
        for name, seen in scene.snapshot.known.observed.items()
        if (scene.configs.unread if name.startswith(CONFIGS) else not scene.whole or name == WORKLOADS)
    }
    if scene.population:
        new[WORKLOADS] = OUTDATED if scene.snapshot.mixed else scene.population
    same = standing.revision == scene.snapshot.known.revision
    known = token(scene.raw) if scene.whole and target else before.get(key(scene.canary.ref), OUTDATED)
    return {**before, **new, key(scene.canary.ref): known if scene.whole or same else OUTDATED}
