"""Istio: a VirtualService that splits the traffic, and a DestinationRule for each side.

Rules from Flagger's router/istio.go; fields as in Istio's networking/v1beta1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout.objects import DESTINATION_RULE, Object, Ref, annotations, labels, spec
from handlers.rollout.objects.ownership import FLUX_OPT_OUT, PREFIX, declare, generated, owned_by, with_metadata
from handlers.rollout.spec.canary import Canary
from handlers.rollout.weights import FULL, Cookies, Split, Weights
from handlers.routers import istio_rules
from handlers.routers.istio_adopted import adopted, unsplit, users
from handlers.routers.istio_contradictions import contradictions
from handlers.routers.istio_originals import first, keeping, kept_by_anybody
from handlers.routers.istio_parts import ours, parts, protocols


def destination_refs(canary: Canary) -> tuple[Ref, ...]:
    """Where the DestinationRules live: the canary's, then the primary's."""
    names = (canary.service.canary, canary.service.primary)
    return tuple(Ref(DESTINATION_RULE, canary.namespace, name) for name in names)


def destinations(canary: Canary, existing: Mapping[Ref, Object]) -> tuple[tuple[Ref, dict[str, Any]], ...]:
    """The DestinationRules; host and traffic policy are ours, the rest of an existing one stays."""
    return tuple((ref, _destination_rule(canary, ref, existing.get(ref))) for ref in destination_refs(canary))


def _destination_rule(canary: Canary, ref: Ref, existing: Object | None) -> dict[str, Any]:
    new = generated(ref, canary, existing)
    policy = {"trafficPolicy": canary.service.traffic_policy} if canary.service.traffic_policy else {}
    kept = {key: value for key, value in spec(new).items() if key != "trafficPolicy"}
    new["spec"] = {**kept, "host": ref.name, **policy}
    return with_metadata(new, labels=labels(new), annotations={**annotations(new), **_original(canary, existing)})


def route(canary: Canary, split: Split, existing: Object | None) -> dict[str, Any]:
    """The VirtualService that splits the traffic.

    Of one that we made hosts, gateways and HTTP rules are ours, for TCP its rules. Of one that was there before, all
    that does not lead to the apex Service stays; and of any where `spec.service` is not valid. Raises nothing: a
    rollback is written whatever the user says.
    """
    if existing is not None and not canary.service.readable:
        return {**existing, "spec": istio_rules.shared_out(canary, split.weight, spec(existing))}
    new = generated(canary.route_ref, canary, existing)
    kept: dict[str, str] = {}
    if existing is None or owned_by(existing, canary):
        new["spec"] = _own(canary, split, spec(new))
    else:
        before = users(canary, spec(existing), first(existing))
        new["spec"] = adopted(canary, split, spec(existing), before)
        kept = keeping(before) if before is not None and before != first(existing) else {}
    declared = canary.service.apex_metadata
    return with_metadata(
        new,
        labels=declare(new, "labels", declared.labels),
        annotations=declare(new, "annotations", {**declared.annotations, **FLUX_OPT_OUT, **kept}),
    )


def check_adoption(canary: Canary, existing: Object | None) -> None:
    """Raise BadCanary for all that the Canary says otherwise than a VirtualService that was there before."""
    if existing is None or owned_by(existing, canary):
        return
    before = users(canary, spec(existing), first(existing))
    if found := contradictions(canary, spec(existing), before):
        raise BadCanary("; also ".join(found))


def weights(canary: Canary, route: Object) -> Weights | None:
    """What the VirtualService does now (GetRoutes); None when no rule leads to both with any weight.

    Where several rules of the user's lead to the apex, the one with the most for the canary counts.
    """
    found = [weighed for rules in _ours(canary, route) if (weighed := _weights(canary, rules))]
    return max(found, key=lambda weighed: weighed.canary, default=None)


def _weights(canary: Canary, rules: Sequence[Object]) -> Weights | None:
    """The last rule that leads to both counts: those before it are for who is matched by a cookie or a header."""
    for index in range(len(rules) - 1, -1, -1):
        sides = istio_rules.sides(canary, rules[index])
        if len(sides) > 1 and any(sides.values()):
            mirror = str((rules[index].get("mirror") or {}).get("host", ""))
            mirrored = istio_rules.is_service(mirror, canary.service.canary, canary.namespace)
            matched = bool(canary.analysis.match) and index < len(rules) - 1
            return Weights(sides[canary.service.primary], sides[canary.service.canary], mirrored, matched)
    return None


def cookies(canary: Canary, route: Object) -> Cookies:
    """The session cookies that the VirtualService sets, and the one that it takes back."""
    return istio_rules.cookies(canary, [rule for rules in _ours(canary, route) for rule in rules])


def _ours(canary: Canary, route: Object) -> list[Sequence[Object]]:
    """Our rules, those that share out the same requests together; of a VirtualService that we made, all."""
    if owned_by(route, canary):
        return [spec(route).get("tcp" if canary.service.tcp else "http") or ()]
    found = parts(canary, spec(route), users(canary, spec(route), first(route)))
    return [part.rules for part in ours(found, protocols(canary))]


def restored(canary: Canary, existing: Mapping[Ref, Object]) -> tuple[tuple[Ref, dict[str, Any]], ...]:
    """What was adopted as it was before (its `Finalize`); our own VirtualService leads to the apex Service.

    So does an adopted one whose first spec nobody kept: the Services that it leads to are about to go.
    """
    found = []
    for ref in (canary.route_ref, *destination_refs(canary)):
        old = existing.get(ref)
        if old is None:
            continue
        before = None if owned_by(old, canary) else _before(canary, ref, old)
        if before is not None:
            kept = {key: value for key, value in declare(old, "annotations", {}).items() if not key.startswith(PREFIX)}
            found.append((ref, with_metadata({**old, "spec": before}, labels=labels(old), annotations=kept)))
        elif ref == canary.route_ref:
            found.append((ref, {**old, "spec": _leading_home(canary, old)}))
    return tuple(found)


def _before(canary: Canary, ref: Ref, old: Object) -> Object | None:
    """The spec that an adopted object had; None where nobody knows it."""
    return users(canary, spec(old), first(old)) if ref == canary.route_ref else first(old)


def _leading_home(canary: Canary, old: Object) -> Object:
    """The spec of a VirtualService with our rules leading to the apex Service; that of another's keeps its others."""
    if not owned_by(old, canary):
        return unsplit(canary, spec(old), None)
    apex = {"destination": {"host": canary.service.apex}, "weight": FULL}
    split = "tcp" if canary.service.tcp else "http"
    rules = [{**_unmirrored(rule), "route": [apex]} for rule in spec(old).get(split) or ()]
    return {**spec(old), split: rules}


def _unmirrored(rule: Object) -> Object:
    return {key: value for key, value in rule.items() if not key.startswith("mirror")}


def _own(canary: Canary, split: Split, old: Object) -> dict[str, Any]:
    """The spec of a VirtualService that we made, over what is there."""
    kept = {key: value for key, value in old.items() if key != "gateways"}
    new = {**kept, **_reach(canary), **istio_rules.rules(canary, split)}
    for stale in istio_rules.stale(canary, new):
        del new[stale]
    return new


def _reach(canary: Canary) -> dict[str, Any]:
    """Which requests the VirtualService is about: hosts and gateways. One that is delegated to can have neither."""
    service = canary.service
    if service.delegation:
        return {"hosts": []}
    hosts = list(service.hosts)
    if not any(host == "*" or istio_rules.is_service(host, service.apex, canary.namespace) for host in hosts):
        hosts.append(service.apex)
    return {"hosts": hosts, "gateways": list(service.gateways) or ["mesh"]}


def _original(canary: Canary, existing: Object | None) -> dict[str, str]:
    """The annotation that keeps what an adopted DestinationRule said before, unless something keeps it already."""
    if existing is None or owned_by(existing, canary) or kept_by_anybody(existing):
        return {}
    return keeping(spec(existing))
