"""A VirtualService that was there before its Canary: what served goes on serving, what leads to the apex is ours."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from handlers.rollout.objects import Object
from handlers.rollout.spec.canary import Canary, CanaryService
from handlers.rollout.weights import Split
from handlers.routers import istio_rules
from handlers.routers.istio_parts import PROTOCOLS, Part, Parts, leads_to_apex, ours, parts, protocols, rendered, split

MESH = "mesh"
_HARMLESS = ("name", "match", "timeout", "retries")
"""Fields of a rule that change no answer for whom it comes to apply to."""


def adopted(canary: Canary, wanted: Split, body: Object, first: Object | None) -> dict[str, Any]:
    """The spec with the traffic of its rules for the apex split; `first`: the one that it had before."""
    found = with_appended(canary, parts(canary, body, first))
    reach = _reach(canary, body, found)
    through = replace(canary, service=_reached(canary.service, reach))
    rules = {key: list(_rules(through, key, found[key], wanted)) for key in PROTOCOLS}
    return {key: value for key, value in body.items() if key not in PROTOCOLS} | {
        **reach,
        **{key: made for key, made in rules.items() if made or (key in body and not body[key])},
    }


def with_appended(canary: Canary, found: Parts) -> Parts:
    """The parts with one of ours at the end, where no rule leads to the apex."""
    keys = protocols(canary)
    if ours(found, keys):
        return found
    where = f"{keys[0]}[{len(found[keys[0]])}]"
    part = Part(where=where, rules=(), plain=(), ours=True, matches=canary.service.match)
    return {**found, keys[0]: (*found[keys[0]], part)}


def users(canary: Canary, body: Object, first: Object | None) -> Object | None:
    """The spec as the user has it: the first one, or, since his rules lead to the apex again, what is there now.

    None where nobody knows it: what was read from the cluster in the meantime and applied again is no first spec.
    """
    if first is not None and any(split(canary, rule) for rule in _every(first)):
        first = None
    rules = _every(body)
    if any(rendered(canary, rule) for rule in rules) and not any(leads_to_apex(canary, rule) for rule in rules):
        return first
    return unsplit(canary, body, first)


def _every(body: Object) -> list[Object]:
    return [rule for key in PROTOCOLS for rule in body.get(key) or ()]


def unsplit(canary: Canary, body: Object, first: Object | None) -> Object:
    """The spec with the user's rules in the place of ours; one that nobody knows leads to the apex."""
    found = parts(canary, body, first)
    return {**body, **{key: [rule for part in found[key] for rule in part.plain] for key in PROTOCOLS if key in body}}


def delegate(body: Object) -> bool:
    """Whether another VirtualService delegates to this one: it has no hosts of its own."""
    return not body.get("hosts")


def _rules(canary: Canary, key: str, found: tuple[Part, ...], wanted: Split) -> Iterator[Object]:
    """Foreign rules as they are; what leads to the apex by the Canary's protocol is shared out."""
    for part in found:
        if part.ours and key in protocols(canary):
            yield from _shared(canary, key, part, wanted)
        else:
            yield from part.plain


def _shared(canary: Canary, key: str, part: Part, wanted: Split) -> Iterator[Object]:
    """Our rules in the place of one of the user's."""
    fields, service = part.fields, canary.service
    said = replace(
        service,
        match=service.match if part.matches is None else part.matches,
        rewrite=None if fields.get("rewrite") else service.rewrite,
        timeout=fields.get("timeout") or service.timeout,
        retries=fields.get("retries") or service.retries,
        headers=fields.get("headers") or service.headers,
        cors_policy=fields.get("corsPolicy") or service.cors_policy,
    )
    kept = {name: value for name, value in fields.items() if name not in istio_rules.FIELDS or name == "rewrite"}
    [made] = istio_rules.rules(replace(canary, service=said), wanted).values()
    for rule in made:
        # of connections, a rule says ports and addresses, which are not those of requests
        base = {**kept, **rule} if key == "http" else {**rule, **fields}
        yield {**base, "route": [_onto(side, part.target) for side in rule["route"]]}


def _onto(side: Object, target: Object) -> Object:
    """A side with what the user's destination says besides its name: the port, and headers."""
    theirs = {key: value for key, value in (target.get("destination") or {}).items() if key == "port"}
    headers = _merged(target.get("headers") or {}, side.get("headers") or {})
    return {**side, "destination": {**side["destination"], **theirs}} | ({"headers": headers} if headers else {})


def _merged(theirs: Object, ours_: Object) -> Object:
    if not theirs or not ours_:
        return theirs or ours_
    response, added = theirs.get("response") or {}, ours_["response"]["add"]
    return {**theirs, "response": {**response, "add": {**(response.get("add") or {}), **added}}}


def _reach(canary: Canary, body: Object, found: Parts) -> dict[str, Any]:
    """Hosts and gateways: what is there stays, what the Canary declares is added.

    The apex is added by itself only where that makes no foreign rule apply to calls of it, and leaves none unanswered;
    else those go by the apex Service, to the primary.
    """
    if delegate(body):
        return {}
    service, hosts = canary.service, list(body["hosts"])
    hosts += [host for host in dict.fromkeys(service.hosts) if host not in hosts]
    gateways = list(body.get("gateways") or [MESH])
    gateways += [gateway for gateway in dict.fromkeys(service.gateways) if gateway not in gateways]
    named = any(host == "*" or istio_rules.is_service(host, service.apex, canary.namespace) for host in hosts)
    if MESH in gateways and not named and _harmless(canary, found):
        hosts.append(service.apex)
    return {"hosts": hosts, "gateways": gateways}


def _harmless(canary: Canary, found: Parts) -> bool:
    """Whether the rules may apply to calls of the apex by itself: all are ours, and answer all of them as before."""
    rules = [part for key in protocols(canary) for part in found[key]]
    alike = all(part.ours and part.fields.keys() <= set(_HARMLESS) for part in rules)
    return alike and any(part.takes_all for part in rules)


def _reached(service: CanaryService, reach: Object) -> CanaryService:
    """`spec.service` as if it said what the VirtualService says about who comes to it."""
    return replace(service, gateways=tuple(reach.get("gateways", ())), delegation=not reach)
