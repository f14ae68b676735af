"""What a tick over all reads: a list of the Canaries, and one of the metadata of each kind of object they rest on."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from handlers.errors import Unavailable
from handlers.rollout import state
from handlers.rollout.due import WORKLOADS
from handlers.rollout.objects import (
    CANARY,
    CONFIG_MAP,
    DAEMONSET,
    DEPLOYMENT,
    DESTINATION_RULE,
    HPA,
    SCALED_OBJECT,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
    Object,
    Ref,
    annotations,
    metadata,
)
from handlers.step.ports import World
from handlers.step.scene import key, population, token

log = logging.getLogger(__name__)

_WATCHED = (DEPLOYMENT, VIRTUAL_SERVICE, SERVICE, DESTINATION_RULE)
_SELDOM = (DAEMONSET, HPA, SCALED_OBJECT, CONFIG_MAP, SECRET)
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Lists:
    """All Canaries; of everything else the metadata, and the tokens by namespace and short name."""

    canaries: Mapping[Ref, Object] = field(default_factory=dict)
    others: Mapping[Ref, Object] = field(default_factory=dict, repr=False)
    tokens: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def seen(self, ref: Ref) -> Mapping[str, str]:
        """The tokens of what a Canary may rest on, and its own."""
        return {**self.tokens.get(ref.namespace, _NOTHING), key(ref): token(self.canaries[ref])}


def read_lists(world: World, namespaces: Sequence[str]) -> Lists:
    """Canaries are listed first, everything else after; requests do not grow with the number of canaries."""
    wanted = namespaces or ("",)
    listed = [item for namespace in wanted for item in world.cluster.list(CANARY, namespace)]
    if not listed:
        return Lists()
    readers = [_reader(world, kind, namespace) for namespace in wanted for kind in (*_WATCHED, *_used(listed))]
    others = {ref_to(kind, item): item for kind, items in world.together(readers) for item in items}
    tokens: dict[str, dict[str, str]] = defaultdict(dict)
    deployments: dict[str, list[Object]] = defaultdict(list)
    for ref, item in others.items():
        tokens[ref.namespace][key(ref)] = token(item)
        if ref.kind is DEPLOYMENT:
            deployments[ref.namespace].append(item)
    for name in {ref_to(CANARY, item).namespace for item in listed}:
        tokens[name][WORKLOADS] = population(deployments[name])
    return Lists({ref_to(CANARY, item): item for item in listed}, others, tokens)


def ref_to(kind: Kind, item: Object) -> Ref:
    """Where an object of a list lives."""
    meta = metadata(item)
    return Ref(kind, str(meta.get("namespace", "")), str(meta.get("name", "")))


def _used(listed: Sequence[Object]) -> tuple[Kind, ...]:
    """The kinds that only some canaries rest on, as far as one of those listed has been seen to."""
    states = [annotations(item).get(state.STATE, "") for item in listed]
    return tuple(kind for kind in _SELDOM if any(f'"{kind.plural}/' in text for text in states))


def _reader(world: World, kind: Kind, namespace: str) -> Callable[[], tuple[Kind, Sequence[Object]]]:
    def listed() -> tuple[Kind, Sequence[Object]]:
        try:
            return kind, world.cluster.list_metadata(kind, namespace)
        except Unavailable as error:
            if kind in _WATCHED:
                raise
            # KEDA may have been taken away: its canaries find out when they are stepped, the others go on
            log.warning("%s", error)
            return kind, ()

    return listed
