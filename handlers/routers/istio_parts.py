"""The rules of a VirtualService that was there before its Canary, told apart: foreign ones, and those that lead to it.

A rule of the user's that leads to the apex Service is replaced by rules of ours, which share out what it matches. Later
it is found again among them by its match, for the first spec is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from handlers.rollout.objects import Object
from handlers.rollout.spec.canary import Canary
from handlers.rollout.weights import FULL
from handlers.routers.istio_rules import FIELDS, declared, is_service, sides

PROTOCOLS: tuple[str, ...] = ("http", "tcp", "tls")
"""The lists of rules of a VirtualService."""
_COOKIE = "cookie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rules that stand together: a foreign one, or all that have taken the place of one that leads to the apex.

    `where`: of the last of them, as `http[1]`. `plain`: as the user has it. Of ours, `fields` is what the user's rule
    says besides where it leads, and `target` its only destination. `matches`: which requests it is about; None where
    the Canary says it.
    """

    where: str
    rules: tuple[Object, ...]
    plain: tuple[Object, ...]
    ours: bool = False
    fields: Object = field(default_factory=dict)
    target: Object = field(default_factory=dict)
    matches: tuple[Object, ...] | None = None

    @property
    def takes_all(self) -> bool:
        """Whether no request, or connection, comes past its last rule."""
        matches = self.rules[-1].get("match") if self.rules else self.matches
        return not matches or {"uri": {"prefix": "/"}} in matches


Parts = Mapping[str, tuple[Part, ...]]
"""The parts of each protocol."""


def protocols(canary: Canary) -> tuple[str, ...]:
    """The lists of rules that the Canary shares out; what is appended goes to the first."""
    return PROTOCOLS[1:] if canary.service.tcp else PROTOCOLS[:1]


def parts(canary: Canary, body: Object, first: Object | None) -> Parts:
    """All rules of a spec. `first`: the spec before anything was written on it, None where nobody knows it."""
    return {key: tuple(_parts(canary, key, body.get(key) or (), first)) for key in PROTOCOLS}


def ours(found: Parts, keys: Sequence[str] = PROTOCOLS) -> tuple[Part, ...]:
    """The parts of ours."""
    return tuple(part for key in keys for part in found[key] if part.ours)


def leads_to_apex(canary: Canary, rule: Object) -> bool:
    """Whether a rule has the apex Service among its destinations."""
    return any(is_service(host, canary.service.apex, canary.namespace) for host in _hosts(rule))


def replaceable(canary: Canary, rule: Object) -> bool:
    """Whether a rule leads to the apex Service and nowhere else, so that ours can stand in for it."""
    route = list(rule.get("route") or ())
    return len(route) == 1 and leads_to_apex(canary, rule) and not route[0]["destination"].get("subset")


def rendered(canary: Canary, rule: Object) -> bool:
    """Whether a rule leads as ours and Flagger's do: to both sides, or to the primary alone."""
    found = sides(canary, rule)
    return canary.service.primary in found and len(found) == len(rule.get("route") or ())


def split(canary: Canary, rule: Object) -> bool:
    """Whether a rule leads to both sides and nowhere else: its weights are ours, whoever has written it."""
    return rendered(canary, rule) and len(rule["route"]) > 1


def _hosts(rule: Object) -> Iterator[str]:
    return (str((target.get("destination") or {}).get("host", "")) for target in rule.get("route") or ())


def _parts(canary: Canary, key: str, rules: Sequence[Object], first: Object | None) -> Iterator[Part]:
    known = None if first is None else list(first.get(key) or ())
    written = _written(canary, rules, known)
    mains = _mains(canary, rules, written, known) if written else {}
    taken: list[Object] = []
    for index, rule in enumerate(rules):
        where = f"{key}[{index}]"
        if index in mains:
            yield _replaced(canary, where, (*taken, rule), known, mains[index])
            taken = []
        elif index in written:
            taken.append(rule)
        elif replaceable(canary, rule):
            yield _base(canary, where, rule)
        else:
            yield Part(where=where, rules=(rule,), plain=(rule,))


Known = Sequence[Object] | None
"""The rules of the first spec; None where nobody knows it."""


def _written(canary: Canary, rules: Sequence[Object], known: Known) -> list[int]:
    """The rules that we or Flagger have written; what the user leads to the primary is in the first spec, as it is."""
    theirs = known or ()
    if known is None and any(leads_to_apex(canary, rule) for rule in rules):
        theirs = rules
    return [
        index
        for index, rule in enumerate(rules)
        if split(canary, rule) or (rendered(canary, rule) and rule not in theirs)
    ]


def _mains(canary: Canary, rules: Sequence[Object], written: list[int], known: Known) -> dict[int, Object | None]:
    """The last rule of each part of ours, which takes what its testers and cookies leave, and the user's rule if that
    is known.
    """
    if known is None:
        # an A/B test has two rules, of which the second has only the primary
        narrow = {one for one, other in pairwise(written) if len(rules[other]["route"]) == 1}
        plain = [one for one in written if one not in narrow and not _narrowed(canary, rules[one])]
        return dict.fromkeys(plain or written[-1:])
    bases = [rule for rule in known if replaceable(canary, rule)]
    found: dict[int, Object | None] = {}
    for base in bases:
        same = (one for one in written if one not in found and _matches(rules[one]) == _matches(base))
        if (main := next(same, None)) is not None:
            found[main] = base
    # its match is the Canary's, or was edited
    return found or {written[-1]: bases[0] if len(bases) == 1 else None}


def _narrowed(canary: Canary, rule: Object) -> bool:
    """Whether a rule is for those who have a cookie, or are matched, and not for all the others."""
    narrow = (*canary.testers, *canary.analysis.match)
    return any(
        any(name.lower() == _COOKIE for name in match.get("headers") or {})
        or any(one.items() <= match.items() for one in narrow)
        for match in _matches(rule)
    )


def _matches(rule: Object) -> list[Object]:
    return list(rule.get("match") or ())


def _base(canary: Canary, where: str, rule: Object) -> Part:
    return Part(
        where=where,
        rules=(rule,),
        plain=(rule,),
        ours=True,
        fields=_without_ours(canary, rule),
        target=rule["route"][0],
        matches=tuple(_matches(rule)),
    )


def _replaced(canary: Canary, where: str, rules: tuple[Object, ...], known: Known, base: Object | None) -> Part:
    """What has taken a rule's place."""
    main, said = _without_ours(canary, rules[-1]), declared(canary.service)
    if base is None:
        return _unknown(canary, where, rules, known)
    fields = {key: value for key, value in main.items() if _users(key, value, base, said)}
    wide = not main.get("match")
    return Part(
        where=where,
        rules=rules,
        plain=(base,),
        ours=True,
        fields=fields,
        target=base["route"][0],
        matches=tuple(_matches(fields)) if wide or "match" in fields else None,
    )


def _unknown(canary: Canary, where: str, rules: tuple[Object, ...], known: Known) -> Part:
    """Rules of ours for which the user has none, or one that nobody knows: of that, what the Canary does not say.

    Ours of the other protocol are from before `appProtocol` was changed.
    """
    main, said = _without_ours(canary, rules[-1]), declared(canary.service)
    fields = {key: value for key, value in main.items() if key not in said} if known is None else {}
    apex = {"destination": {"host": canary.service.apex}, "weight": FULL}
    if known is None:
        appended = not where.startswith(protocols(canary))
    else:
        appended = not any(leads_to_apex(canary, rule) for rule in known)
    return Part(
        where=where,
        rules=rules,
        plain=() if appended else ({**main, "route": [apex]},),
        ours=True,
        fields=fields,
        matches=tuple(_matches(fields)) or None,
    )


def _users(key: str, value: object, base: Object, said: Mapping[str, object]) -> bool:
    """Whether a field of a rule of ours comes from the user's rule, and not from the Canary as it is or was."""
    if key in FIELDS:
        return key in base and (value == base[key] or key not in said)
    return True


def _without_ours(canary: Canary, rule: Object) -> dict[str, object]:
    """A rule but for where it leads, and whom it mirrors to by our doing."""
    host = str((rule.get("mirror") or {}).get("host", ""))
    mirrored = is_service(host, canary.service.canary, canary.namespace)
    dropped = ("route", "mirror", "mirrorPercentage") if mirrored else ("route",)
    return {key: value for key, value in rule.items() if key not in dropped}
