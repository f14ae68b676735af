"""What makes a Canary the one that it is: its target, the Service that clients call, and what scales the target.

With another target, or another Service, it is another canary: what serves goes on serving until the new one can.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from handlers.errors import BadCanary
from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, HPA, SCALED_OBJECT, SERVICE, Object, Ref, spec
from handlers.rollout.objects.daemonsets import scaled_to_zero
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.target import NAME, SCALER_NAME, Autoscaler
from handlers.rollout.state import STATE, State

_KINDS = {kind.plural: kind for kind in (DEPLOYMENT, DAEMONSET, SERVICE, HPA, SCALED_OBJECT)}
_PRIMARY = "-primary"


@dataclass(frozen=True, slots=True)
class Identity:
    """`target`: plural and name, as `deployments/app`; `apex`: the name of the Service; `scaler`: as the target, or
    empty. Written as one word, the parts apart by `|`.
    """

    target: str
    apex: str
    scaler: str = ""

    def __str__(self) -> str:
        return f"{self.target}|{self.apex}|{self.scaler}".rstrip("|")

    @classmethod
    def read(cls, text: str) -> "Identity":
        """The identity that a text says. Raises BadCanary for any other text."""
        parts = text.split("|")
        if len(parts) not in (2, 3) or not all(map(_known, parts[:1] + parts[2:])) or not NAME.fullmatch(parts[1]):
            raise BadCanary(f"metadata.annotations[{STATE}]: {text!r} is no identity, as deployments/app|app")
        return cls(*parts)

    @classmethod
    def of(cls, canary: Canary) -> "Identity":
        """The one that a spec says."""
        scaler = f"{canary.scaler.kind.plural}/{canary.scaler.name}" if canary.scaler else ""
        return cls(f"{canary.target_kind.plural}/{canary.target_name}", canary.service.apex, scaler)

    def moves(self, other: "Identity") -> bool:
        """Whether traffic has to move to get from one to the other: another scaler alone moves none."""
        return (self.target, self.apex) != (other.target, other.apex)

    def named(self, obj: Object) -> Object:
        """A Canary, as it is in the cluster, whose spec names these."""
        kind, name = _parts(self.target)
        body = obj.get("spec") or {}
        service = body.get("service")
        service = {**(service if isinstance(service, Mapping) else {}), "name": self.apex}
        return {**obj, "spec": {**body, "targetRef": {"kind": _KINDS[kind].name, "name": name}, "service": service}}

    def applied(self, canary: Canary) -> Canary:
        """The Canary as if its spec named these."""
        kind, name = _parts(self.target)
        scaler = None
        if self.scaler:
            scaled, scaler_name = _parts(self.scaler)
            own = canary.autoscaler or Autoscaler(kind=_KINDS[scaled], name=scaler_name)
            scaler = replace(own, kind=_KINDS[scaled], name=scaler_name)
        service = replace(canary.service, apex=self.apex)
        return replace(canary, target_kind=_KINDS[kind], target_name=name, service=service, autoscaler=scaler)


def _parts(text: str) -> tuple[str, str]:
    kind, _, name = text.partition("/")
    return kind, name


def _known(text: str) -> bool:
    kind, name = _parts(text)
    return kind in _KINDS and bool(SCALER_NAME.fullmatch(name))


def known_identity(state: State) -> Identity | None:
    """The identity that a state is about. One of before this was written down is told from the objects that it saw;
    None when it has seen none.
    """
    if state.identity:
        return Identity.read(state.identity)
    primaries = [
        (kind, name.removesuffix(_PRIMARY))
        for kind, name in map(_parts, state.observed)
        if kind in (DEPLOYMENT.plural, DAEMONSET.plural) and name.endswith(_PRIMARY)
    ]
    routes = [name for kind, name in map(_parts, state.observed) if kind == "virtualservices"]
    if len(primaries) != 1 or len(routes) != 1:
        return None
    return Identity("/".join(primaries[0]), routes[0], _scaler(state))


def _scaler(state: State) -> str:
    scalers = [name for name in state.observed if _parts(name)[0] in (HPA.plural, SCALED_OBJECT.plural)]
    return next((name for name in scalers if not name.endswith(_PRIMARY)), "")


def formers(canary: Canary, state: State) -> tuple[Canary, ...]:
    """The Canary as it was before each move that is not cleared up yet, oldest first."""
    return tuple(Identity.read(text).applied(canary) for text in state.former)


def own_workloads(canaries: Iterable[Canary], former: Iterable[Canary], there: Mapping[Ref, Object]) -> set[Ref]:
    """The workloads that are a Canary's, by what it is and is going to be, and by what it was before.

    A former target that is to have pods again is nobody's. `there`: the workloads of the namespace.
    """
    before = tuple(former)
    own = {ref for one in canaries for ref in (one.target, one.primary)} | {one.primary for one in before}
    return own | {one.target for one in before if not _has_pods(there.get(one.target))}


def _has_pods(workload: Object | None) -> bool:
    return workload is not None and not scaled_to_zero(workload) and spec(workload).get("replicas") != 0
