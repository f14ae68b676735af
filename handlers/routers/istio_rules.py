"""The rules of a VirtualService: which requests go to the canary, by weight, match, cookie or mirror.

From Flagger's router/istio.go (SetRoutes, getSessionAffinityRouteRules).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handlers.rollout.objects import Object
from handlers.rollout.spec.canary import Canary, CanaryService
from handlers.rollout.spec.match import combined
from handlers.rollout.weights import FULL, Cookies, Split

FIELDS = ("match", "rewrite", "timeout", "retries", "headers", "corsPolicy")
"""The fields of an HTTP rule that `spec.service` may say."""
_SPECIAL = re.compile(r"[.*+^$|]")


def rules(canary: Canary, split: Split) -> dict[str, Any]:
    """The part of the spec that holds them: `http`, or `tcp`."""
    if canary.service.tcp:
        return {"tcp": [_connections(canary, split.weight)]}
    if canary.analysis.match and (split.matched or not split.weight):
        return {"http": _tested(canary, split.weight)}
    # requests that nothing matches any more are like all others
    weight = 0 if split.matched else split.weight
    last = _rule(canary, _sides(canary, weight), canary.service.match)
    if split.mirrored:
        last["mirror"] = {"host": canary.service.canary}
        if percent := canary.analysis.mirror_weight:
            last["mirrorPercentage"] = {"value": percent}
    first = [_only_canary(canary, canary.testers)] if split.testers and canary.testers else []
    return {"http": [*first, *_sticky(canary, split, weight, last), last]}


def shared_out(canary: Canary, weight: int, body: Object) -> dict[str, Any]:
    """A spec of which every rule that leads to the canary gives it this share and no copies, and is else as it was."""
    shares = {canary.service.canary: weight, canary.service.primary: FULL - weight}

    def of(rule: Object) -> Object:
        if canary.service.canary not in sides(canary, rule):
            return rule
        route = [_with_share(canary, side, shares) for side in rule["route"]]
        return {**{key: value for key, value in rule.items() if not key.startswith("mirror")}, "route": route}

    lists = {key: [of(rule) for rule in body.get(key) or ()] for key in ("http", "tcp", "tls") if key in body}
    return {**body, **lists}


def _with_share(canary: Canary, side: Object, shares: Mapping[str, int]) -> Object:
    host = str((side.get("destination") or {}).get("host", ""))
    found = [share for name, share in shares.items() if is_service(host, name, canary.namespace)]
    return {**side, "weight": found[0]} if found else side


def stale(canary: Canary, body: Object) -> tuple[str, ...]:
    """Rules of the other protocol that lead to a canary: ours, from before `appProtocol` was changed."""
    other = "http" if canary.service.tcp else "tcp"
    found = body.get(other) or ()
    return (other,) if any(canary.service.canary in sides(canary, rule) for rule in found) else ()


def sides(canary: Canary, rule: Object) -> dict[str, int]:
    """The weights of a rule, of the primary's and the canary's Service, as far as it leads to them."""
    return {
        name: int(target.get("weight") or 0)
        for target in rule.get("route") or ()
        for name in (canary.service.primary, canary.service.canary)
        if is_service((target.get("destination") or {}).get("host", ""), name, canary.namespace)
    }


def cookies(canary: Canary, rules: Sequence[Object]) -> Cookies:
    """The session cookies in rules of Flagger's or ours: each side of the shared rule sets its own."""

    def of_side(name: str) -> Iterator[str]:
        for target in (target for rule in rules for target in rule.get("route") or ()):
            if is_service((target.get("destination") or {}).get("host", ""), name, canary.namespace):
                yield _pair(target, forgets=False)

    return Cookies(
        canary=next(filter(None, of_side(canary.service.canary)), ""),
        primary=next(filter(None, of_side(canary.service.primary)), ""),
        previous=next(filter(None, (_pair(rule, forgets=True) for rule in rules)), ""),
    )


def _pair(part: Object, *, forgets: bool) -> str:
    """The cookie that a rule, or one side of it, sets; or the one that it makes browsers forget."""
    response = (part.get("headers") or {}).get("response") or {}
    pair, _, attributes = str((response.get("add") or {}).get("Set-Cookie", "")).partition(";")
    return pair if ("Max-Age=-1" in attributes.replace(" ", "").split(";")) is forgets else ""


def is_service(host: str, name: str, namespace: str) -> bool:
    """Whether a host is the Service, by its short or its full name in any cluster domain."""
    return host == name or host.startswith(f"{name}.{namespace}.svc.")


def _connections(canary: Canary, weight: int) -> dict[str, Any]:
    """A TCP rule; of `service.match` only ports say anything about a connection (canaryToL4Match)."""
    ports = [match.get("port") for match in canary.service.match]
    matches = [{"port": port} for port in ports] if all(ports) else []
    return ({"match": matches} if matches else {}) | {"route": _sides(canary, weight)}


def _tested(canary: Canary, weight: int) -> list[dict[str, Any]]:
    """A/B testing: the weight is about the matched requests, all others go to the primary."""
    routed = canary.service.match
    primary = [_destination(canary, canary.service.primary, FULL)]
    return [
        _rule(canary, _sides(canary, weight), combined(canary.analysis.match, routed)),
        _rule(canary, primary, routed),
    ]


def _only_canary(canary: Canary, matches: Sequence[Object]) -> dict[str, Any]:
    return _rule(canary, _sides(canary, FULL), combined(matches, canary.service.match))


def _sticky(canary: Canary, split: Split, weight: int, last: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules for who has a cookie; the sides of the last rule, which shares out the others, set it."""
    affinity = canary.analysis.affinity
    if affinity is None:
        return []
    if not weight:
        return [_forgotten(canary, split.previous_cookie)] if split.previous_cookie else []
    found = []
    primary, shared = last["route"]
    if split.cookie:
        shared["headers"] = _setting(affinity.set_cookie(split.cookie, affinity.max_age))
        found.append(_only_canary(canary, [_with_cookie(split.cookie)]))
    if split.primary_cookie:
        age = max(1, round(canary.analysis.interval.total_seconds()))
        primary["headers"] = _setting(affinity.set_cookie(split.primary_cookie, age))
        matches = combined([_with_cookie(split.primary_cookie)], canary.service.match)
        if weight < FULL:  # nobody stays on a primary that has no share, for it may be about to have no pods
            found.append(_rule(canary, _sides(canary, 0), matches))
    return found


def _forgotten(canary: Canary, pair: str) -> dict[str, Any]:
    """Who still has the cookie of a run that is over is told to forget it."""
    affinity = canary.analysis.affinity
    assert affinity  # noqa: S101  it is what asks for this rule
    rule = _rule(canary, _sides(canary, 0), combined([_with_cookie(pair)], canary.service.match))
    headers = rule.get("headers") or {}
    response = headers.get("response") or {}
    added = {**(response.get("add") or {}), "Set-Cookie": affinity.set_cookie(pair, -1)}
    return rule | {"headers": {**headers, "response": {**response, "add": added}}}


def _setting(cookie: str) -> Object:
    return {"response": {"add": {"Set-Cookie": cookie}}}


def _with_cookie(pair: str) -> Object:
    """Requests that bring this cookie."""
    name, _, value = pair.partition("=")
    return {"headers": {"Cookie": {"regex": f".*{_SPECIAL.sub(_escaped, name)}.*{value}.*"}}}


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def declared(service: CanaryService) -> dict[str, Any]:
    """The fields of an HTTP rule that `spec.service` says, by Istio's names."""
    rewrite = service.rewrite or {}
    parts: dict[str, Any] = {
        "match": list(service.match),
        # the Gateway API's kind of rewrite has fields that Istio does not know (GetIstioRewrite)
        "rewrite": {key: rewrite[key] for key in ("uri", "authority") if rewrite.get(key)},
        "timeout": service.timeout,
        "retries": service.retries,
        "headers": service.headers,
        "corsPolicy": service.cors_policy,
    }
    return {key: value for key, value in parts.items() if value}


def _rule(canary: Canary, route: Sequence[Object], matches: Sequence[Object]) -> dict[str, Any]:
    parts = {key: value for key, value in declared(canary.service).items() if key != "match"}
    return ({"match": list(matches)} if matches else {}) | parts | {"route": list(route)}


def _sides(canary: Canary, weight: int) -> list[dict[str, Any]]:
    shares = ((canary.service.primary, FULL - weight), (canary.service.canary, weight))
    return [_destination(canary, host, share) for host, share in shares]


def _destination(canary: Canary, host: str, weight: int) -> dict[str, Any]:
    """One side; a gateway must be told the port when a Service has more than one (makeDestination)."""
    service = canary.service
    through_gateway = service.delegation or (service.gateways and service.gateways[0] != "mesh")
    port = {"port": {"number": service.port}} if service.port_discovery and through_gateway else {}
    return {"destination": {"host": host, **port}, "weight": weight}
