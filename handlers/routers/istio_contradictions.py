"""What a Canary says otherwise than a VirtualService that was there before it: each by both fields, and what to do."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout.objects import Object
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.match import MATCH, refuse_conflicts
from handlers.routers.istio_adopted import delegate
from handlers.routers.istio_parts import PROTOCOLS, Part, Parts, leads_to_apex, ours, parts, protocols
from handlers.routers.istio_rules import declared


def contradictions(canary: Canary, body: Object, first: Object | None) -> tuple[str, ...]:
    """One sentence for each; none where the Canary can have what leads to its apex. `first`: the spec it had before."""
    found = parts(canary, body, first)
    mine = ours(found, protocols(canary))
    said = (
        text for part in mine for text in (*_fields(canary, part), *_matches(canary, part), *_mirrors(canary, part))
    )
    return (*_reach(canary, body), *_shared(canary, found), *_protocol(canary, found), *said, *_stranger(canary, found))


def _there(canary: Canary, says: str) -> str:
    ref = canary.route_ref
    return f"{ref.kind.name} {ref.namespace}/{ref.name}, which is there already, {says}"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _fields(canary: Canary, part: Part) -> Iterator[str]:
    """A field of the rule that has another value in the Canary; one that only one side has is taken from there."""
    for key, value in declared(canary.service).items():
        there = part.fields.get(key)
        if there and there != value:
            says = _there(canary, f"says {part.where}.{key} {_shown(there)}")
            yield f"spec.service.{key}: {_shown(value)}, but {says}; make them equal or leave one out"
        elif key == "match" and part.rules and part.matches == ():
            says = _there(canary, f"has {part.where} for all that comes to it")
            yield f"spec.service.match: {_shown(value)}, but {says}; leave it out, or give that rule the same match"


def _matches(canary: Canary, part: Part) -> Iterator[str]:
    """A test's or testers' condition about the same thing as the rule's match: no rule of ours can say both."""
    ref = canary.route_ref
    where = f"{ref.kind.name} {ref.namespace}/{ref.name} {part.where}.match"
    testers = f"metadata.annotations[{MATCH}]"
    for narrow, path in ((canary.analysis.match, "spec.analysis.match"), (canary.testers, testers)):
        try:
            refuse_conflicts(narrow, part.matches or (), path, where)
        except BadCanary as error:
            yield str(error)


def _mirrors(canary: Canary, part: Part) -> Iterator[str]:
    for key in ("mirror", "mirrors"):
        if canary.analysis.mirror and part.fields.get(key):
            says = _there(canary, f"says {part.where}.{key} {_shown(part.fields[key])}")
            yield f"spec.analysis.mirror: true, but {says}; leave one out"


def _reach(canary: Canary, body: Object) -> Iterator[str]:
    """One that another VirtualService delegates to has neither hosts nor gateways."""
    service = canary.service
    there = {key: list(body.get(key) or ()) for key in ("hosts", "gateways")}
    if service.delegation:
        for key, value in there.items():
            if value:
                says = _there(canary, f"says {key} {_shown(value)}")
                yield f"spec.service.delegation: true, but {says}; leave delegation out, or take them away"
    elif delegate(body):
        for key, wanted in (("hosts", service.hosts), ("gateways", service.gateways)):
            if wanted:
                says = _there(canary, "has no hosts: others delegate to it")
                yield f"spec.service.{key}: {_shown(list(wanted))}, but {says}; leave {key} out, or give it hosts"


def _shared(canary: Canary, found: Parts) -> Iterator[str]:
    """A rule that leads to the apex among others, or to a subset of it: ours could not stand in for it."""
    for part in (part for key in protocols(canary) for part in found[key] if not part.ours):
        [rule] = part.rules
        if leads_to_apex(canary, rule):
            says = _there(canary, f"says {part.where}.route {_shown(_destinations(rule['route']))}")
            text = f"spec.service.name: {_shown(canary.service.apex)}, but {says}"
            yield f"{text}; give the Service a rule that leads to it alone, without a subset"


def _destinations(route: Sequence[Object]) -> list[str]:
    found = (target.get("destination") or {} for target in route)
    return ["/".join(filter(None, (str(one.get("host", "")), str(one.get("subset", ""))))) for one in found]


def _protocol(canary: Canary, found: Parts) -> Iterator[str]:
    """Rules for the apex of the other protocol: for requests where connections are routed, or only for connections."""
    others = [key for key in PROTOCOLS if key not in protocols(canary)]
    if not canary.service.tcp and ours(found, protocols(canary)):
        return
    for part in ours(found, others):
        says = _there(canary, f"has {part.where} for Service {canary.service.apex}")
        yield (
            f"spec.service.appProtocol: {_shown(canary.service.app_protocol)}, but {says}; "
            f"{'leave tcp out' if canary.service.tcp else 'say tcp'}, or take that rule away"
        )


def _stranger(canary: Canary, found: Parts) -> Iterator[str]:
    """No rule leads to the apex, and one takes all that would come to ours behind it."""
    first, *_ = protocols(canary)
    if any(leads_to_apex(canary, rule) for key in PROTOCOLS for part in found[key] for rule in part.plain):
        return
    if ours(found, protocols(canary)):
        return
    for part in found[first]:
        if part.takes_all:
            says = _there(canary, f"leads nowhere to it, and its {part.where} takes all that comes to it")
            text = f"spec.service.name: {_shown(canary.service.apex)}, but {says}"
            yield f"{text}: it is somebody else's; give one of them another name, or the Service a rule before that"
            return
