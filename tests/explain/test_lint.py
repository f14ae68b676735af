"""What a manifest says before it meets a cluster."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.explain.forecast import LIMIT
from handlers.explain.lint import Report, as_json, lint, text
from handlers.explain.surroundings import Surroundings
from handlers.rollout.objects import VIRTUAL_SERVICE, Ref
from tests.lab import DEFAULT_METRICS, a_canary

TEMPLATE: dict[str, Any] = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "errors", "namespace": "shop"},
    "spec": {
        "provider": {"type": "prometheus", "address": "http://prometheus:9090"},
        "query": 'sum(errors{app="{{ target }}",zone="{{ variables.zone }}"})',
    },
}
ERRORS = {"name": "errors", "interval": "1m", "thresholdRange": {"max": 1}, "templateRef": {"name": "errors"}}


def metric(**changes: Any) -> dict[str, Any]:
    """A Canary with one metric."""
    return a_canary(analysis={"metrics": [{"name": "request-success-rate", "interval": "1m", **changes}]})


def test_a_good_canary_has_nothing_against_it() -> None:
    """No errors, no warnings, the steps and the time they take."""
    report = lint(a_canary(), {})
    assert (report.name, report.errors, report.warnings) == ("shop/app", (), ())
    assert report.least.total_seconds() == 60


@pytest.mark.parametrize(
    ("canary", "error"),
    [
        (a_canary(analysis={"threshold": "x"}), "spec.analysis.threshold: 'x' is not a whole number"),
        ({**a_canary(), "apiVersion": "flagger.app/v1"}, "apiVersion: 'flagger.app/v1' is not \"flagger.app/v1beta1\""),
        ({**a_canary(), "metadata": {}}, "metadata.name: is required"),
        (
            a_canary(analysis={"metrics": [{"name": "a", "interval": "1m", "query": "{{ nothing }}"}]}),
            "spec.analysis.metrics[0]: ",
        ),
    ],
    ids=["spec", "version", "name", "query"],
)
def test_errors_are_those_of_the_handlers(canary: dict[str, Any], error: str) -> None:
    """The same words that the Event on the Canary would have."""
    [said] = lint(canary, {}).errors
    assert said.startswith(error)


@pytest.mark.parametrize(
    ("canary", "warning"),
    [
        (a_canary(analysis={"metrics": []}), "no metrics and no rollout webhooks"),
        (a_canary(analysis={"threshold": None}), "spec.analysis.threshold: 1: the first failed check"),
        (a_canary(analysis={"interval": "5s"}), "spec.analysis.interval: 5s: is raised to 10s"),
        (a_canary(analysis={"stepWeight": 70}), "spec.analysis.stepWeight: 70: is above maxWeight"),
        (a_canary(analysis={"stepWeights": [20, 40]}), "spec.analysis: stepWeight and stepWeights"),
        (a_canary(analysis={"stepWeight": None, "stepWeights": [20, 80]}), "stepWeights: go beyond maxWeight, 60"),
        (a_canary(suspend=True), "spec.suspend: true"),
        (a_canary(skipAnalysis=True), "the analysis is skipped"),
        (metric(thresholdRange={}), "(request-success-rate): has neither a min nor a max"),
        (metric(thresholdRange={"max": 99}), "a success rate without a min"),
        (metric(), "a success rate of 0 passes"),
        (metric(name="request-duration"), "(request-duration): must not be above 0"),
        (a_canary(analysis={"metrics": [ERRORS]}), "the MetricTemplate shop/errors is not in these files"),
    ],
)
def test_what_is_surely_unwanted_is_warned_of(canary: dict[str, Any], warning: str) -> None:
    """Each of these is legal, and one sentence says what it leads to."""
    report = lint(canary, {})
    assert report.errors == ()
    [said] = [line for line in report.warnings if warning in line]
    assert said


def test_the_old_name_of_the_analysis_is_the_one_in_the_messages() -> None:
    """A field is named where it was written."""
    canary = a_canary(canaryAnalysis={"interval": "5s", "threshold": 2, "stepWeight": 10, "metrics": DEFAULT_METRICS})
    del canary["spec"]["analysis"]
    canary["spec"]["canaryAnalysis"]["metrics"] = list(DEFAULT_METRICS)
    assert lint(canary, {}).warnings == ("spec.canaryAnalysis.interval: 5s: is raised to 10s",)


def test_a_template_at_hand_is_filled_in() -> None:
    """With the MetricTemplate beside it, a variable that is missing is found before any rollout."""
    canary = a_canary(analysis={"metrics": [ERRORS]})
    templates = {("shop", "errors"): TEMPLATE}
    [error] = lint(canary, templates).errors
    assert error.startswith("spec.analysis.metrics[0]: MetricTemplate shop/errors: ")
    assert "zone" in error
    given = a_canary(analysis={"metrics": [{**ERRORS, "templateVariables": {"zone": "a"}}]})
    assert lint(given, templates) == replace(lint(a_canary(), {}), steps=lint(given, templates).steps)


def test_credentials_of_a_template_are_not_asked_for() -> None:
    """The Secret is in the cluster; a template that names one is checked as far as it can be."""
    spec = {**TEMPLATE["spec"], "query": "1", "provider": {"type": "prometheus", "secretRef": {"name": "s"}}}
    report = lint(a_canary(analysis={"metrics": [ERRORS]}), {("shop", "errors"): {**TEMPLATE, "spec": spec}})
    assert report.errors == ()


def test_gates_are_told() -> None:
    """Whoever has to open something for the rollout to go on is told of it."""
    hooks = [
        {"name": "approve", "type": "confirm-rollout", "url": "http://a"},
        {"name": "load", "type": "rollout", "url": "http://b"},
    ]
    report = lint(a_canary(analysis={"webhooks": hooks}), {})
    assert report.gates == ("approve (confirm-rollout)",)
    assert "  waits for somebody to open: approve (confirm-rollout)" in list(text(report))


def test_the_text_of_a_rollout() -> None:
    """Time, situation, decision and what is asked, on lines of their own."""
    lines = list(text(lint(a_canary(), {})))
    assert lines[:4] == [
        "Canary shop/app, if every check passes: at least 1m0s in 7 steps",
        "         0s  new revision: New revision detected! Scaling up app.shop",
        "        10s  first step: advance from 0 to 20 %",
        "        20s  next step: advance from 20 to 40 %",
    ]
    assert lines[4].strip() == "asks request-success-rate, request-duration"


def test_a_long_rollout_is_shown_without_its_middle() -> None:
    """A hundred small steps are a few lines of text, and all of them JSON."""
    report = lint(a_canary(analysis={"stepWeight": 1, "maxWeight": 100}), {})
    lines = [line for line in text(report) if not line.strip().startswith("asks")]
    assert (len(lines), lines[13].strip()) == (26, "...")
    assert len(as_json(report)["steps"]) == len(report.steps) > 100


def test_a_rollout_without_an_end_is_cut() -> None:
    """More steps than anybody counts are told as more than that."""
    report = lint(a_canary(), {})
    endless = replace(report, steps=report.steps[:1] * LIMIT)
    assert next(iter(text(endless))).endswith(f"more than 0s in more than {LIMIT} steps")
    assert Report(name="shop/app").least.total_seconds() == 0


@pytest.mark.parametrize(
    ("there", "errors"),
    [
        pytest.param({}, 1, id="it was there before"),
        pytest.param({"name": "another"}, 0, id="of another name"),
        pytest.param({"namespace": "elsewhere"}, 0, id="in another namespace"),
        pytest.param({"ownerReferences": [{"kind": "Canary", "name": "app"}]}, 0, id="it was made for the Canary"),
    ],
)
def test_a_route_that_is_there_is_compared(there: dict[str, Any], errors: int) -> None:
    """What the Canary contradicts in it is an error, as the handlers will say."""
    spec = {"hosts": ["a.test"], "http": [{"timeout": "15s", "route": [{"destination": {"host": "app"}}]}]}
    meta = {"name": "app", "namespace": "shop", **there}
    ref = Ref(VIRTUAL_SERVICE, meta["namespace"], meta["name"])
    around = Surroundings(files={ref: {"metadata": meta, "spec": spec}})
    found = lint(a_canary(service={"timeout": "5s"}), {}, around=around).errors
    assert [error.partition(",")[0] for error in found] == ['spec.service.timeout: "5s"'] * errors
    assert lint(a_canary(), {}, around=around).errors == ()
