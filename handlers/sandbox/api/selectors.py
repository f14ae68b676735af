"""Label and field selectors."""

import re
from collections.abc import Callable
from functools import lru_cache

from handlers.sandbox.api.status import Json, bad_request

Predicate = Callable[[Json], bool]

_TERM = re.compile(
    r"""\s*(?:
      (?P<absent>!\s*(?P<no>[\w./-]+))
    | (?P<key>[\w./-]+)\s*(?:
        (?P<op>=|==|!=)\s*(?P<value>[\w.-]*)
      | \s(?P<set>in|notin)\s*\((?P<values>[^)]*)\)
      )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)
_PODS = {"spec.nodeName", "status.phase", "spec.restartPolicy", "spec.schedulerName", "status.podIP"}
_EVENTS = {f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")}
FIELDS = {
    "Pod": _PODS,
    "Event": _EVENTS | {"reason", "type", "reportingComponent", "source"},
    "Secret": {"type"},
    "Namespace": {"status.phase"},
    "Job": {"status.successful"},
}
_ALWAYS = {"metadata.name", "metadata.namespace"}


def everything(_found: Json) -> bool:
    """The selector that is not there."""
    return True


@lru_cache(maxsize=256)
def labels(selector: str) -> Predicate:
    """The predicate of a label selector, `app=podinfo,tier in (a, b),!canary`; ApiError 400 if it cannot be read."""
    terms: list[Callable[[Json], bool]] = []
    at = 0
    while at < len(selector):
        match = _TERM.match(selector, at)
        if match is None or match.end() == at:
            raise bad_request(f"unable to parse requirement: {selector[at:]!r}")
        terms.append(_term(match))
        at = match.end()

    def predicate(found: Json) -> bool:
        own = found["metadata"].get("labels") or {}
        return all(term(own) for term in terms)

    return predicate


def _term(match: re.Match[str]) -> Callable[[Json], bool]:
    key = match["key"]
    if match["absent"]:
        absent = match["no"]
        return lambda own: absent not in own
    if match["set"]:
        values = {value.strip() for value in match["values"].split(",")}
        if match["set"] == "in":
            return lambda own: own.get(key) in values
        return lambda own: own.get(key) not in values
    if match["op"] == "!=":
        return lambda own: own.get(key) != match["value"]
    if match["op"]:
        return lambda own: own.get(key) == match["value"]
    return lambda own: key in own


def fields(selector: str, kind: str) -> Predicate:
    """The predicate of a field selector; ApiError 400 for a field that this kind cannot be selected by."""
    terms: list[tuple[list[str], bool, str]] = []
    for part in filter(None, selector.split(",")):
        name, sign, value = re.match(r"([^!=]*)(!=|==|=|)(.*)", part).groups()  # type: ignore[union-attr]  # matches anything
        if not sign:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{part}'")
        if name not in _ALWAYS and name not in FIELDS.get(kind, ()):
            known = ", ".join(f'"{field}"' for field in sorted(_ALWAYS))
            raise bad_request(f'"{name}" is not a known field selector: only {known}')
        terms.append((name.split("."), sign != "!=", value))
    return lambda found: all((_at(found, path) == value) is wanted for path, wanted, value in terms)


def _at(found: Json, path: list[str]) -> str:
    value: object = found
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)
