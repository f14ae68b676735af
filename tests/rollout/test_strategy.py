"""What may stand beside what in a Canary: contradictions are refused by name."""

from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.spec.canary import parse
from handlers.rollout.spec.match import MATCH, combined
from handlers.rollout.spec.strategy import THRESHOLD_COUNTS
from tests.rollout.examples import a_canary, canary_object

INSIDER = {"headers": {"x-canary": {"exact": "insider"}}}
COUNTED: dict[str, Any] = {"stepWeight": 0, "maxWeight": 0, "iterations": 2}
COOKIE = {"sessionAffinity": {"cookieName": "c"}}
WEIGHTS = "a canary advances by iterations or by weights"


def tcp(**service: Any) -> dict[str, Any]:
    """A Canary's service that routes connections."""
    return {"service": {"port": 9898, "appProtocol": "TCP", **service}}


def refusal(**arguments: Any) -> str:
    """What is said about a Canary with these parts."""
    with pytest.raises(BadCanary) as caught:
        a_canary(**arguments)
    return str(caught.value)


def header(value: Any) -> list[Any]:
    """A match by this StringMatch."""
    return [{"headers": {"x": value}}]


KINDS = "is not one of exact, prefix and regex"
BAD = [
    ({"iterations": 2, "maxWeight": 0}, f"iterations: excludes stepWeight; {WEIGHTS}"),
    ({"iterations": 2, "stepWeight": 0}, f"iterations: excludes maxWeight; {WEIGHTS}"),
    (COUNTED | {"stepWeights": [1]}, f"iterations: excludes stepWeights; {WEIGHTS}"),
    ({"match": [INSIDER]}, f"match: needs iterations; for requests beside weights use annotation {MATCH}"),
    (COUNTED | {"match": [INSIDER], "mirror": True}, "match: excludes mirror, which A/B testing cannot do"),
    (COUNTED | {"match": [INSIDER]} | COOKIE, "match: excludes sessionAffinity, which A/B testing cannot do"),
    ({"match": INSIDER}, f"match: {INSIDER} is not a list"),
    ({"match": [{}]}, "match[0]: {} is not a condition; without one, every request would go to the canary"),
    (
        {"match": [{"name": "all"}]},
        "match[0]: {'name': 'all'} is not a condition; without one, every request would go to the canary",
    ),
    ({"match": [{"uri": "/"}]}, "match[0].uri: '/' is not an object"),
    ({"match": [{"uri": {}}]}, f"match[0].uri: {{}} {KINDS}"),
    ({"match": header({"exact": "a", "prefix": "b"})}, f"match[0].headers.x: {{'exact': 'a', 'prefix': 'b'}} {KINDS}"),
    ({"match": header({"suffix": "a"})}, f"match[0].headers.x: {{'suffix': 'a'}} {KINDS}"),
    ({"match": header({"exact": 1})}, "match[0].headers.x.exact: 1 is not a string"),
    ({"match": header({"exact": ""})}, "match[0].headers.x.exact: is required"),
    ({"match": [{"port": 0}]}, "match[0].port: 0 is not between 1 and 65535"),
    ({"match": [{"sourceLabels": {"a": 1}}]}, "match[0].sourceLabels.a: 1 is not a string"),
    ({"match": [{"gateways": [""]}]}, "match[0].gateways[0]: is required"),
    ({"match": [{"sourceNamespace": 1}]}, "match[0].sourceNamespace: 1 is not a string"),
    ({"match": [INSIDER | {"ignoreUriCase": 1}]}, "match[0].ignoreUriCase: 1 is not true or false"),
]


@pytest.mark.parametrize(("analysis", "message"), BAD, ids=[message for _, message in BAD])
def test_contradictions_and_bad_matches_are_named(analysis: dict[str, Any], message: str) -> None:
    """Field, value, what was expected; Flagger would pass over one of two, or never advance."""
    assert refusal(**analysis) == f"spec.analysis.{message}"


def test_an_unknown_field_of_a_match_is_refused() -> None:
    """It would say nothing, and so take more requests than were meant."""
    assert refusal(match=[{"header": {}}]).startswith("spec.analysis.match[0]: 'header' is not a field of HTTPMatch")


@pytest.mark.parametrize("given", ["mirror", "sessionAffinity", "match"])
def test_connections_have_no_requests(given: str) -> None:
    """TCP: what is about requests is refused, which Flagger passes over."""
    analysis: dict[str, dict[str, Any]] = {
        "mirror": {"mirror": True},
        "sessionAffinity": COOKIE,
        "match": COUNTED | {"match": [INSIDER]},
    }
    expected = f"spec.analysis.{given}: needs HTTP, and spec.service.appProtocol is tcp"
    assert refusal(spec=tcp(), **analysis[given]) == expected


def test_the_services_mirror_is_the_analysis_mirror() -> None:
    """`service.mirror: true` says the same."""
    assert a_canary(spec={"service": {"port": 9898, "mirror": True}}).analysis.mirror


def test_conditions_about_the_same_thing_are_not_combined() -> None:
    """One rule cannot say two paths; Flagger drops the one of the analysis and tests with all requests."""
    service = {"service": {"port": 9898, "match": [{"uri": {"prefix": "/app"}}]}}
    message = refusal(spec=service, **COUNTED, match=[INSIDER, {"uri": {"prefix": "/beta"}}])
    assert message == ("spec.analysis.match[1].uri: cannot be combined with spec.service.match[0].uri; leave out one")
    assert a_canary(spec=service, **COUNTED, match=[INSIDER | {"uri": {"prefix": "/app"}}]).analysis.match


def test_both_conditions_hold_in_a_combination() -> None:
    """Headers come together with headers; Flagger's take the place of the service's."""
    one, other = {"headers": {"a": {"exact": "1"}}, "method": {"exact": "GET"}}, {"headers": {"b": {"exact": "2"}}}
    assert combined([one], [other]) == [
        {"headers": {"b": {"exact": "2"}, "a": {"exact": "1"}}, "method": {"exact": "GET"}}
    ]
    assert combined([one], []) == [one]


TESTERS = f"metadata.annotations[{MATCH}]"


@pytest.mark.parametrize(
    "text",
    ['[{"headers": {"x-canary": {"exact": "insider"}}}]', "- headers: {x-canary: {exact: insider}}"],
    ids=["JSON", "YAML"],
)
def test_testers_are_read_as_json_or_yaml(text: str) -> None:
    """The annotation serinus.dev/match."""
    assert a_canary(annotations={MATCH: text}).testers == (INSIDER,)
    assert a_canary(annotations={MATCH: " "}).testers == ()


BAD_TESTERS = [
    ("[", "'[' is not JSON or YAML"),
    ("[]", "'[]' is not a list of HTTPMatchRequest, in JSON or YAML"),
    ("null", "'null' is not a list of HTTPMatchRequest, in JSON or YAML"),
    ("insiders", "'insiders' is not a list"),
    ("- &a {uri: {exact: a}}\n- *a", "'- &a {uri: {exact: a}}\\n- *a' is not YAML without aliases"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TESTERS, ids=[text for text, _ in BAD_TESTERS])
def test_bad_testers_are_named(text: str, message: str) -> None:
    """By the annotation."""
    assert refusal(annotations={MATCH: text}) == f"{TESTERS}: {message}"


def test_a_bad_entry_of_testers_is_named() -> None:
    """Down to the field."""
    assert refusal(annotations={MATCH: "[{}]"}).startswith(f"{TESTERS}[0]: {{}} is not a condition")


def test_deep_testers_are_refused() -> None:
    """Nesting without an end is no match, and no crash."""
    assert refusal(annotations={MATCH: "[" * 100}).endswith("is not JSON or YAML")
    deep = refusal(annotations={MATCH: "- " * 4_000})  # how deep is too deep is the interpreter's, and its libraries'
    assert deep.endswith(("is not JSON or YAML", "is not an object"))
    for text in ("[" * 201, "- a" * 4_000):
        assert refusal(annotations={MATCH: text}).endswith("is not of at most 8192 characters and 200 brackets")


def test_testers_need_weights_and_http() -> None:
    """Beside iterations or connections the annotation would do nothing."""
    text = '[{"headers": {"x": {"exact": "1"}}}]'
    expected = f"{TESTERS}: needs a canary that advances by weights, over HTTP"
    assert refusal(annotations={MATCH: text}, **COUNTED) == expected
    assert refusal(annotations={MATCH: text}, spec=tcp()) == expected


def test_testers_are_combined_with_the_services_match() -> None:
    """And not about the same thing."""
    service = {"service": {"port": 9898, "match": [{"uri": {"prefix": "/app"}}]}}
    message = refusal(annotations={MATCH: '[{"uri": {"prefix": "/b"}}]'}, spec=service)
    assert message.startswith(f"{TESTERS}[0].uri: cannot be combined with spec.service.match[0].uri")


def test_bad_threshold_counts_are_named() -> None:
    """By the annotation."""
    expected = f"metadata.annotations[{THRESHOLD_COUNTS}]: 'some' is not consecutive or total"
    assert refusal(annotations={THRESHOLD_COUNTS: "some"}) == expected


def test_a_rollback_needs_no_valid_annotation() -> None:
    """An alert finds a Canary whatever its annotations and strategies say."""
    obj = canary_object(annotations={MATCH: "[", THRESHOLD_COUNTS: "x"})
    obj["spec"]["analysis"]["iterations"] = 5
    canary = parse(obj, lenient=True)
    assert (canary.testers, canary.total, canary.analysis.iterations) == ((), None, 0)
