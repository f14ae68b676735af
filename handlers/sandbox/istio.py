"""HTTP routes of an Istio VirtualService as Envoy routes. Pure.

Left side: https://istio.io/latest/docs/reference/config/networking/virtual-service/ (fields of HTTPRoute).
Right side: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
Not translated: subsets, fault, redirect, directResponse, gateways (there is one listener for all of them), sourceLabels
(no request comes from a labelled pod, so such a match never holds).
"""

from collections.abc import Callable, Iterable

from handlers.rollout.spec.durations import go_duration
from handlers.sandbox.kube import Object

Shares = list[tuple[str, int]]
Lookup = Callable[[Object], Shares]  # a destination -> its clusters with their numbers of ready pods

MIRROR = "~mirror"  # ends the name of the cluster that takes a workload's mirrored requests
UNKNOWN = "unknown"  # a cluster that never exists: Envoy answers 503
DEFAULT_RETRIES: Object = {
    "attempts": 2,
    "retryOn": "connect-failure,refused-stream,unavailable,cancelled",
}  # Istio's own
CORS = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy"


def routes(http: Iterable[Object], lookup: Lookup, asked: int | None = None) -> list[Object]:
    """Envoy routes in the order of the VirtualService's; one for each of a route's matches.

    `asked` is the port of the Service that requests are for; None is a gateway's, which may be any.
    """
    return [
        {"match": _match(match)} | _rewritten(_action(route, lookup), route, match) | _extras(route)
        for route in http
        for match in route.get("match") or [{}]
        if not match.get("sourceLabels") and (asked is None or match.get("port") in {None, asked})
    ]


def default_route(shares: Shares) -> Object:
    """The route of a Service without a VirtualService: to all its ready pods."""
    route = {"route": [{"destination": {"host": ""}}]}
    return {"match": {"prefix": "/"}} | _action(route, lambda _: shares)


def delegated(http: Iterable[Object], delegate: Callable[[Object], Iterable[Object] | None]) -> list[Object]:
    """The routes with every `delegate` replaced by the routes of the VirtualService it names, if there is one.

    A match of the root and one of the delegate must both hold.
    """
    found: list[Object] = []
    for route in http:
        inner = delegate(route["delegate"]) if route.get("delegate") else [route]
        for each in inner or []:
            both = [_both(left, right) for left in route.get("match") or [{}] for right in each.get("match") or [{}]]
            found.append(each | {"match": both})
    return found


def _both(left: Object, right: Object) -> Object:
    maps = {
        key: left[key] | right[key]
        for key in ("headers", "withoutHeaders", "queryParams")
        if left.keys() & right.keys() & {key}
    }
    return left | right | maps


def _action(route: Object, lookup: Lookup) -> Object:
    clusters = _clusters(route.get("route") or [], lookup)
    if not clusters:
        return {"direct_response": {"status": 503, "body": {"inline_string": "no destination has a weight"}}}
    action: Object = {"timeout": _seconds(route.get("timeout") or "0s"), "retry_policy": _retries(route)}
    if len(clusters) == 1 and len(clusters[0]) == 2:  # noqa: PLR2004  name and weight, no headers of its own
        action["cluster"] = clusters[0]["name"]
    else:
        action["weighted_clusters"] = {"clusters": clusters}
    if mirrors := _mirrors(route, lookup):
        action["request_mirror_policies"] = mirrors
    return {"route": action}


def _clusters(destinations: list[Object], lookup: Lookup) -> list[Object]:
    """Weighted clusters; a lone destination means 100 % whatever its weight, and weight 0 gets nothing."""
    parts: list[Object] = []
    several = len(destinations) > 1
    for destination in destinations:
        weight = int(destination.get("weight") or 0) if several else 1
        for cluster, share in split(weight, lookup(destination["destination"])):
            parts.append({"name": cluster, "weight": share} | _headers(destination.get("headers") or {}))
    return [part for part in parts if part["weight"] > 0]


def split(weight: int, shares: Shares) -> Shares:
    """A weight over the workloads behind one Service, by their ready pods; in hundredths, so that weights compare."""
    if not shares:
        return [(UNKNOWN, weight * 100)]
    pods = sum(count for _, count in shares)
    if pods == 0:
        return [(shares[0][0], weight * 100)]
    return [(cluster, weight * 100 * count // pods) for cluster, count in shares]


def _mirrors(route: Object, lookup: Lookup) -> list[Object]:
    wanted = [(entry["destination"], entry.get("percentage")) for entry in route.get("mirrors") or []]
    if route.get("mirror"):
        old = route.get("mirrorPercent", route.get("mirror_percent"))
        wanted.append((route["mirror"], route.get("mirrorPercentage") or (None if old is None else {"value": old})))
    return [
        {"cluster": cluster + MIRROR, "runtime_fraction": {"default_value": _fraction(percentage)}}
        for destination, percentage in wanted
        for cluster, _ in lookup(destination)[:1]
    ]


def _fraction(percentage: Object | None) -> Object:
    value = 100.0 if percentage is None else float(percentage.get("value") or 0)
    return {"numerator": round(value * 10_000), "denominator": "MILLION"}


def _match(match: Object) -> Object:
    headers = [_header(name, wanted) for name, wanted in (match.get("headers") or {}).items()]
    headers += [
        _header(name, wanted) | {"invert_match": True} for name, wanted in (match.get("withoutHeaders") or {}).items()
    ]
    headers += [_header(f":{name}", match[name]) for name in ("method", "authority", "scheme") if match.get(name)]
    query = [_query(name, wanted) for name, wanted in (match.get("queryParams") or {}).items()]
    found: Object = _path(match.get("uri") or {})
    if match.get("ignoreUriCase"):
        found["case_sensitive"] = False
    return found | ({"headers": headers} if headers else {}) | ({"query_parameters": query} if query else {})


def _path(uri: Object) -> Object:
    if "exact" in uri:
        return {"path": uri["exact"]}
    if "regex" in uri:
        return {"safe_regex": {"regex": uri["regex"]}}
    return {"prefix": uri.get("prefix") or "/"}


def _string(wanted: Object) -> Object:
    if "regex" in wanted:
        return {"safe_regex": {"regex": wanted["regex"]}}
    return {"prefix": wanted["prefix"]} if "prefix" in wanted else {"exact": wanted["exact"]}


def _header(name: str, wanted: Object | None) -> Object:
    if not wanted or wanted == {"regex": "*"}:  # Istio: an empty match asks for presence only
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": _string(wanted)}


def _query(name: str, wanted: Object | None) -> Object:
    return {"name": name, "string_match": _string(wanted)} if wanted else {"name": name, "present_match": True}


def _rewritten(action: Object, route: Object, match: Object) -> Object:
    rewrite = route.get("rewrite") or {}
    if "route" not in action or not rewrite:
        return action
    changed = dict(action["route"])
    if rewrite.get("uri") and "regex" in (match.get("uri") or {}):
        changed["regex_rewrite"] = {"pattern": {"regex": match["uri"]["regex"]}, "substitution": rewrite["uri"]}
    elif rewrite.get("uri"):
        changed["prefix_rewrite"] = rewrite["uri"]
    if rewrite.get("uriRegexRewrite"):
        both = rewrite["uriRegexRewrite"]
        changed["regex_rewrite"] = {"pattern": {"regex": both["match"]}, "substitution": both["rewrite"]}
    if rewrite.get("authority"):
        changed["host_rewrite_literal"] = rewrite["authority"]
    return {"route": changed}


def _extras(route: Object) -> Object:
    found = _headers(route.get("headers") or {})
    if route.get("corsPolicy"):
        found["typed_per_filter_config"] = {"envoy.filters.http.cors": {"@type": CORS} | _cors(route["corsPolicy"])}
    return found


def _headers(headers: Object) -> Object:
    found: Object = {}
    for side in ("request", "response"):
        change = headers.get(side) or {}
        adds = [_addition(*item, action="APPEND_IF_EXISTS_OR_ADD") for item in (change.get("add") or {}).items()]
        adds += [_addition(*item, action="OVERWRITE_IF_EXISTS_OR_ADD") for item in (change.get("set") or {}).items()]
        found |= {f"{side}_headers_to_add": adds} if adds else {}
        found |= {f"{side}_headers_to_remove": change["remove"]} if change.get("remove") else {}
    return found


def _addition(key: str, value: str, *, action: str) -> Object:
    # a % would begin one of Envoy's own variables
    return {"header": {"key": key, "value": str(value).replace("%", "%%")}, "append_action": action}


def _retries(route: Object) -> Object:
    wanted = route.get("retries") or DEFAULT_RETRIES
    conditions = str(wanted.get("retryOn") or DEFAULT_RETRIES["retryOn"]).split(",")
    codes = [int(part) for part in conditions if part.isdigit()]
    policy: Object = {
        "retry_on": ",".join(
            [part for part in conditions if not part.isdigit()] + ["retriable-status-codes"] * bool(codes)
        ),
        "num_retries": int(wanted.get("attempts") or 0),
    }
    if codes:
        policy["retriable_status_codes"] = codes
    if wanted.get("perTryTimeout"):
        policy["per_try_timeout"] = _seconds(wanted["perTryTimeout"])
    return policy


def _cors(policy: Object) -> Object:
    origins = [_string(origin) for origin in policy.get("allowOrigins") or []]
    origins += [{"exact": origin} for origin in policy.get("allowOrigin") or []]
    found: Object = {"allow_origin_string_match": origins}
    lists = {"allowMethods": "allow_methods", "allowHeaders": "allow_headers", "exposeHeaders": "expose_headers"}
    found |= {envoy: ",".join(policy[istio]) for istio, envoy in lists.items() if policy.get(istio)}
    if policy.get("maxAge"):
        found["max_age"] = _seconds(policy["maxAge"]).removesuffix("s")
    if policy.get("allowCredentials") is not None:
        found["allow_credentials"] = bool(policy["allowCredentials"])
    return found


def _seconds(duration: str) -> str:
    length = go_duration(duration)
    return f"{length.total_seconds():g}s" if length else "0s"
