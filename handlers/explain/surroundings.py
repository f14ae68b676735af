"""What the handlers would refuse of a Canary for what stands beside it: in its files, or in the cluster with these
files applied. The checks are those that a step makes before it writes anything.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from handlers.errors import BadCanary
from handlers.rollout import state
from handlers.rollout.destination import check_kinds, check_there
from handlers.rollout.identity import Identity, formers, known_identity, own_workloads
from handlers.rollout.objects import (
    CANARY,
    DAEMONSET,
    DEPLOYMENT,
    SERVICE,
    STATEFUL_SET,
    VIRTUAL_SERVICE,
    Object,
    Ref,
    annotations,
    metadata,
    status,
)
from handlers.rollout.objects.adopted import check_services
from handlers.rollout.objects.ownership import keeper_of, owned_by, owner_of
from handlers.rollout.objects.ports import missing_name
from handlers.rollout.objects.sides import sides_of
from handlers.rollout.objects.strangers import strangers
from handlers.rollout.objects.workloads import check_strategy
from handlers.rollout.refusal import rival
from handlers.rollout.snapshot import Options
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Phase, State
from handlers.rollout.twins import twins
from handlers.routers import ROUTERS

WORKLOADS = (DEPLOYMENT, DAEMONSET, STATEFUL_SET)
KINDS = (CANARY, *WORKLOADS, SERVICE, VIRTUAL_SERVICE)
"""What is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands beside the Canaries that are checked.

    `files`: of the manifests, in their order. `cluster`: what there is in the namespaces of the Canaries; None where
    no cluster was asked. `accepted`: `SERINUS_SELECTOR_LABELS`.
    """

    files: Mapping[Ref, Object] = field(default_factory=dict)
    cluster: Mapping[Ref, Object] | None = None
    accepted: tuple[str, ...] = Options().selector_labels
    provider: str = "istio"

    def refused(self, obj: Object) -> tuple[str, ...]:
        """What is wrong with a Canary beside these, each in a sentence."""
        ref = Ref(CANARY, str(metadata(obj).get("namespace", "")), str(metadata(obj)["name"]))
        live = (self.cluster or {}).get(ref)
        try:
            canary = canaries.parse(obj if live is None else applied(obj, live), provider=self.provider)
            known = state.load(canary.annotations)
        except BadCanary as error:
            return (str(error),)
        if canary.deleting:
            return ()
        found = _Checked(self, canary, known, self._objects(canary), live or obj)
        # whoever has it, or wants it first, is told alone, as by a step: what else there is may be theirs
        return found.rivals or tuple(dict.fromkeys(text for check in found.checks for text in _said(check)))

    @property
    def where(self) -> str:
        """Where it was looked for what is not there."""
        return "in these files" if self.cluster is None else "in these files or in the cluster"

    def warnings(self, canary: Canary) -> Iterator[str]:
        """What a step would wait for, rather than refuse."""
        if self.cluster is not None and not (canary.target in self.cluster or canary.target in self.files):
            yield f"spec.targetRef: {canary.target} is not {self.where}"

    def _objects(self, canary: Canary) -> Mapping[Ref, Object]:
        """All, as they are after the files were applied.

        Where it is not known by its uid, Services and routes that were made for a Canary of its name are its own.
        """
        before = self.cluster or {}
        new = {ref: applied(obj, before[ref]) if ref in before else obj for ref, obj in self.files.items()}
        found = {**before, **new}
        if canary.uid:
            return found
        return {
            ref: obj
            for ref, obj in found.items()
            if ref.kind not in (SERVICE, VIRTUAL_SERVICE) or owner_of(obj, but="") != canary.name
        }

    def others(self, canary: Canary, objects: Mapping[Ref, Object]) -> Iterator[Object]:
        """The Canaries of its namespace that come first: those of the cluster, and those before it in the files."""
        order = {ref: index for index, ref in enumerate(self.files)}
        for ref, obj in objects.items():
            first = ref not in order or order[ref] < order.get(canary.ref, len(order))
            if ref.kind is CANARY and ref.namespace == canary.namespace and ref != canary.ref and first:
                yield obj


def applied(obj: Object, live: Object) -> Object:
    """An object after its manifest was applied over the one that is there; who owns it is what it was."""
    meta = metadata(live)
    said = {**metadata(obj), "annotations": {**annotations(live), **annotations(obj)}}
    kept = {key: meta[key] for key in ("uid", "ownerReferences", "deletionTimestamp") if key in meta}
    return {**live, **obj, "metadata": {**meta, **said, **kept}}


def _said(check: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    try:
        return check()
    except BadCanary as error:
        return (str(error),)


@dataclass(frozen=True, slots=True)
class _Checked:
    """One Canary beside the others, and what is known of its rollout so far."""

    around: Surroundings
    canary: Canary
    known: State | None
    objects: Mapping[Ref, Object]
    raw: Object

    @property
    def checks(self) -> tuple[Callable[[], tuple[str, ...]], ...]:
        """Each gives sentences, or raises BadCanary with one."""
        if self.canary.target_kind is SERVICE:
            return self._moves, self._route
        return self._moves, self._route, self._services, self._ports, self._strangers

    @property
    def standing(self) -> Canary:
        """The Canary that serves: where the spec names another target or Service by now, that of before."""
        before = known_identity(self.known) if self.known else None
        moves = before is not None and before.moves(Identity.of(self.canary))
        return before.applied(self.canary) if before and moves else self.canary

    @property
    def new(self) -> bool:
        """Whether nothing has been made yet for the target and the Service that the spec names."""
        young = self.known.phase is Phase.INITIALIZING if self.known else not status(self.raw).get("phase")
        return self.standing is not self.canary or (young and not self._has_primary)

    def _moves(self) -> tuple[str, ...]:
        if self.standing is not self.canary:
            check_kinds(self.standing, self.canary)
            if self.around.cluster is not None:
                check_there(self.canary, self.objects.get(self.canary.target))
        return ()

    @property
    def rivals(self) -> tuple[str, ...]:
        """One that has it already; or, where nobody has made anything yet, one that wants it."""
        find = partial(Ref, CANARY, self.canary.namespace)
        if why := rival(self.canary, self.objects, lambda name: self.objects.get(find(name))):
            return (why,)
        if self._has_primary:
            return ()
        return tuple(twins(self.canary, self.around.others(self.canary, self.objects)))

    @property
    def _has_primary(self) -> bool:
        primary = self.objects.get(self.canary.primary)
        return primary is not None and (owned_by(primary, self.canary) or keeper_of(primary) == self.canary.name)

    def _route(self) -> tuple[str, ...]:
        ROUTERS[self.around.provider].check_adoption(self.canary, self.objects.get(self.canary.route_ref))
        return ()

    def _services(self) -> tuple[str, ...]:
        if self.new:
            if target := self.objects.get(self.canary.target):
                check_strategy(target)
            check_services(self.canary, self.objects, self.around.accepted)
        return ()

    def _ports(self) -> tuple[str, ...]:
        target = self.objects.get(self.canary.target)
        why = missing_name(self.canary.service, target) if target else ""
        return (why,) if why else ()

    def _strangers(self) -> tuple[str, ...]:
        target, primary = self.objects.get(self.canary.target), self.objects.get(self.canary.primary)
        if target is None:
            return ()
        sides = sides_of(target, primary, self.around.accepted)
        there = {
            ref: obj
            for ref, obj in self.objects.items()
            if ref.kind in WORKLOADS and ref.namespace == self.canary.namespace
        }
        before = formers(self.canary, self.known) if self.known else ()
        own = own_workloads((self.canary, self.standing), before, there)
        return tuple(filter(None, strangers(self.canary, sides, own, there)))[:1]
