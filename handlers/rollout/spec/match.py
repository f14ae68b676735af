"""Which requests are meant: lists of Istio's HTTPMatchRequest (networking/v1beta1), checked and combined."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from handlers.errors import BadCanary
from handlers.rollout.objects import Object
from handlers.rollout.spec.fields import Field

MATCH = "serinus.dev/match"
"""Annotation: a list, JSON or YAML, of requests that go to the canary while weights advance, whatever the weight."""
_LONGEST, _BRACKETS = 8192, 200  # brackets in brackets take a YAML parser time by the square
_KINDS = ("exact", "prefix", "regex")
_TEXTS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "withoutHeaders", "queryParams")
_CONDITIONS = (*_TEXTS, *_MAPS, "port", "sourceLabels", "gateways", "sourceNamespace")
_FIELDS = (*_CONDITIONS, "name", "ignoreUriCase", "statPrefix")


def parse(spec: Field) -> tuple[Object, ...]:
    """The list, as it is written. Raises BadCanary, also for an entry that would take every request."""
    return tuple(_request(item) for item in spec.items())


def annotated(text: str) -> tuple[Object, ...]:
    """The list in the annotation's text; empty without any. Raises BadCanary, naming the annotation."""
    path = f"metadata.annotations[{MATCH}]"
    requests = parse(Field(_loaded(text, path), path)) if text.strip() else ()
    if text.strip() and not requests:
        raise Field(text, path).bad("a list of HTTPMatchRequest, in JSON or YAML")
    return requests


def _loaded(text: str, path: str) -> Any:
    if len(text) > _LONGEST or text.count("[") + text.count("{") > _BRACKETS:
        raise Field(text, path).bad(f"of at most {_LONGEST} characters and {_BRACKETS} brackets")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        # an alias in an alias makes gigabytes of a line
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise Field(text, path).bad("YAML without aliases")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Field(text, path).bad("JSON or YAML") from error


def _request(spec: Field) -> Object:
    for name in spec.mapping():
        if name not in _FIELDS:
            raise Field(name, spec.path).bad(f"a field of HTTPMatchRequest, one of {', '.join(_FIELDS)}")
    for name in _TEXTS:
        _text_match(spec[name], presence=False)
    for name in _MAPS:
        for key in spec[name].mapping():
            _text_match(spec[name][key], presence=True)
    spec["port"].whole(1, 1, 65535)
    spec["sourceLabels"].texts()
    spec["ignoreUriCase"].flag()
    for item in spec["gateways"].items():
        item.required()
    for name in ("sourceNamespace", "name", "statPrefix"):
        spec[name].text()
    if not any(spec[name].given for name in _CONDITIONS):
        raise spec.bad("a condition; without one, every request would go to the canary")
    return spec.mapping()


def _text_match(spec: Field, *, presence: bool) -> None:
    """Istio's StringMatch; `presence`: nothing at all means that it is there, with whatever value."""
    kinds = spec.mapping()
    if not kinds and (presence or spec.value is None):
        return
    if len(kinds) != 1 or not set(kinds) <= set(_KINDS):
        raise spec.bad("one of exact, prefix and regex")
    for kind in kinds:
        spec[kind].required()


def combined(narrow: Sequence[Object], defaults: Sequence[Object]) -> list[Object]:
    """Each of `narrow` and each of `defaults` together (istio.go, mergeMatchConditions): both must hold."""
    if not defaults:
        return list(narrow)
    return [_both(one, other) for one in narrow for other in defaults]


def _both(one: Object, other: Object) -> Object:
    maps = {key: {**other[key], **one[key]} for key in (*_MAPS, "sourceLabels") if one.get(key) and other.get(key)}
    return {**other, **one, **maps}


def refuse_conflicts(
    narrow: Sequence[Object], defaults: Sequence[Object], path: str, other_path: str = "spec.service.match"
) -> None:
    """Raise BadCanary when two conditions are about the same thing, so that one rule cannot say both."""
    for index, one in enumerate(narrow):
        for nth, other in enumerate(defaults):
            for key in _CONDITIONS:
                merged = key in _MAPS or key == "sourceLabels"
                if one.get(key) and other.get(key) and not merged and one[key] != other[key]:
                    where = f"{path}[{index}].{key}"
                    raise BadCanary(f"{where}: cannot be combined with {other_path}[{nth}].{key}; leave out one")
