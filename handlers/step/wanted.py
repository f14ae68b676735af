"""Which objects a step reads: in the middle of a run as few as it can, at rest all that are made for the Canary."""

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.errors import BadCanary
from handlers.rollout.identity import Identity, formers, known_identity
from handlers.rollout.objects import SERVICE, Object, Ref
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stages import ACTIVE
from handlers.rollout.state import Phase, State
from handlers.routers.router import Router
from handlers.step.ports import Config
from handlers.step.scene import UNSEEN, key

_ANALYSED = (Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION)


def declared(raw: Object, known: State | None, config: Config, *, back: bool) -> Canary:
    """What a Canary's spec says; a step `back` goes by the names of before where these are not valid any more.

    Raises BadCanary.
    """
    try:
        return canaries.parse(raw, scale=config.scale, provider=config.provider, lenient=back)
    except BadCanary:
        before = known_identity(known) if back and known else None
        if before is None:
            raise
        return canaries.parse(before.named(raw), scale=config.scale, provider=config.provider, lenient=True)


def standing(declared: Canary, known: State | None) -> tuple[Canary, Canary | None]:
    """The Canary that a step is about, and the one that its spec says, if that is another one.

    As long as traffic has not begun to move to another target or Service, what there is goes on as it is.
    """
    before = known_identity(known) if known else None
    if known is None or before is None or not before.moves(Identity.of(declared)) or _unmade(known):
        return declared, None
    return before.applied(declared), None if declared.deleting else declared


def _unmade(known: State) -> bool:
    """Whether nothing has been made yet that could go on as it is."""
    return known.phase is Phase.INITIALIZING and not known.promoted and not known.former and not known.claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a step on a Canary in a state wants to read. `moving`: its spec names another target or Service by now.

    `back`: the step goes back.
    """

    canary: Canary
    known: State | None
    router: Router
    moving: bool
    back: bool

    @property
    def everything(self) -> tuple[Ref, ...]:
        """All that is made for the Canary, and what it is made from."""
        canary, service = self.canary, self.canary.service
        former = self.known.apexes if self.known else ()
        names = (service.canary, service.primary, service.apex, *former)
        services = tuple(canary.service_ref(name) for name in names)
        return tuple(dict.fromkeys((*self._few, *services, *self.router.destination_refs(canary), *self._left)))

    @property
    def _few(self) -> tuple[Ref, ...]:
        """What each step rests on. The primary's scaler is left alone during an analysis."""
        canary = self.canary
        analysed = self.known is not None and self.known.phase in _ANALYSED
        scalers = (canary.scaler,) if analysed else (canary.scaler, canary.primary_scaler)
        few = (canary.target, canary.primary, canary.route_ref, *(ref for ref in scalers if ref))
        return (*few, canary.service_ref(canary.service.canary)) if canary.target_kind is SERVICE else few

    @property
    def _left(self) -> tuple[Ref, ...]:
        """What moves have left behind, not in a run."""
        if self.known is None or self._running:
            return ()
        before = formers(self.canary, self.known)
        scalers = (one.scaler for one in before if one.scaler)
        return (*(ref for one in before for ref in made_for(one, self.router)), *scalers)

    @property
    def _running(self) -> bool:
        return self.known is not None and (self.known.phase in ACTIVE or self.known.phase is Phase.WAITING)

    def refs(self, version: str, seen: Mapping[str, str] | None) -> tuple[Ref, ...]:
        """What to read. In the middle of a run it is what a step rests on, and what is not known to be as it should be:
        all, if the Canary itself is not as it was (`version`: its token); or what a tick has seen to be changed.
        """
        if not self._running or self.canary.deleting:
            return self.everything
        if self.moving or self.back:
            return self._few
        assert self.known  # noqa: S101  a run has a state
        observed = self.known.observed
        if observed.get(key(self.canary.ref)) != version:
            return self.everything
        found = [ref for ref in self.everything if self._changed(observed.get(key(ref)), key(ref), seen)]
        return tuple(dict.fromkeys((*self._few, *found)))

    @staticmethod
    def _changed(before: str | None, name: str, seen: Mapping[str, str] | None) -> bool:
        return before is None or before.startswith(UNSEEN) or (seen is not None and seen.get(name, "") != before)

    def waiting(self) -> tuple[Ref, ...]:
        """What tells whether a bootstrap goes on waiting for its primary's pods; none where it is not only waiting."""
        known = self.known
        if known is None or known.phase is not Phase.INITIALIZING or known.claim or known.weight or self.back:
            return ()
        return tuple(ref for ref in (self.canary.target, self.canary.primary, self.canary.scaler) if ref)


def made_for(canary: Canary, router: Router) -> tuple[Ref, ...]:
    """The objects that are made for a Canary and that no client calls: routes first, then what they lead to."""
    services = (canary.service_ref(name) for name in (canary.service.canary, canary.service.primary))
    scaler = (canary.primary_scaler,) if canary.primary_scaler else ()
    return (canary.route_ref, *router.destination_refs(canary), *services, *scaler, canary.primary)
