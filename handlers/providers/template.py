"""Queries with placeholders, as Flagger renders them (`observers.RenderQuery`): a small part of Go's text/template.

Understood: `{{ name }}`, `{{ namespace }}`, `{{ target }}`, `{{ service }}`, `{{ ingress }}`, `{{ route }}`,
`{{ interval }}`, `{{ variables.x }}`, `{{ index variables "x" }}`, string literals, and `{{-` / `-}}` that trim white
space. Values are put in as they are, without escaping, as by Flagger: they come from the Canary, whose author may write
the query as well.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.errors import BadCanary
from handlers.rollout.spec.analysis import Metric
from handlers.rollout.spec.canary import Canary

_SPACE = " \t\r\n"  # what Go's lexer takes for it
_STRING = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_ACTION = re.compile(
    rf"\{{\{{(?P<left>-(?=[{_SPACE}]))?[{_SPACE}]*"
    rf"(?:variables\.(?P<variable>\w+)|index[{_SPACE}]+variables[{_SPACE}]+(?P<index>{_STRING})"
    rf"|(?P<word>[a-z]+)|(?P<literal>{_STRING}))"
    rf"[{_SPACE}]*(?P<right>(?<=[{_SPACE}])-)?\}}\}}"
)
_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a query can be filled with (Flagger's `MetricTemplateModel`)."""

    name: str
    namespace: str
    target: str
    service: str
    ingress: str
    route: str
    interval: str
    variables: Mapping[str, str] = field(default_factory=dict)


def model(canary: Canary, metric: Metric) -> Model:
    """The values for one metric of a canary (Flagger's `toMetricModel`)."""
    return Model(
        name=canary.name,
        namespace=canary.namespace,
        target=canary.target_name,
        service=canary.service.apex,
        ingress=canary.ingress,
        route=canary.route,
        interval=metric.window,
        variables=metric.variables,
    )


def render(template: str, values: Model) -> str:
    """Fill in a query. Raises BadCanary that shows what is not understood, or a variable that is missing.

    A missing variable is an error in both spellings; Go's `index` would leave the place empty, which in a query matches
    something else than was meant.
    """
    parts: list[str] = []
    position = 0
    trim = False
    while (start := template.find("{{", position)) >= 0:
        action = _ACTION.match(template, start)
        if action is None:
            raise _unknown(template[start:])
        text = template[position:start]
        text = text.lstrip(_SPACE) if trim else text
        parts.append(text.rstrip(_SPACE) if action["left"] else text)
        parts.append(_value(action, values))
        trim, position = bool(action["right"]), action.end()
    rest = template[position:]
    parts.append(rest.lstrip(_SPACE) if trim else rest)
    return "".join(parts)


def _value(action: re.Match[str], values: Model) -> str:
    if action["literal"]:
        return _string(action["literal"])
    if action["word"]:
        return _field(action["word"], values)
    name = action["variable"] or _string(action["index"])
    if name not in values.variables:
        raise BadCanary(f"query: {action[0]} has no value; templateVariables has {sorted(values.variables)}")
    return values.variables[name]


def _field(word: str, values: Model) -> str:
    match word:
        case "name" | "namespace" | "target" | "service" | "ingress" | "route" | "interval":
            value: str = getattr(values, word)
            return value
        case _:
            raise _unknown(f"{{{{ {word} }}}}")


def _string(literal: str) -> str:
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")  # as Go reads raw strings
    try:
        text: str = json.loads(literal, strict=False)  # JSON's escapes are Go's but for the rarest
        text.encode()
    except ValueError as error:
        raise _unknown(literal) from error
    return text


def _unknown(text: str) -> BadCanary:
    end = text.find("}}")
    shown = text[: end + 2] if end >= 0 else text
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
    return BadCanary(
        f"query: {shown!r} is not understood; expected name, namespace, target, service, ingress, route, interval, "
        'variables.x, index variables "x" or a string, in {{ }}'
    )
