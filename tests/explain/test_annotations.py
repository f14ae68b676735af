"""What a manifest's annotations say to Serinus, checked before they meet a cluster."""

from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.explain.annotations import canary_errors
from handlers.explain.lint import as_json, lint, lint_namespace, text
from handlers.rollout.commands import pause
from handlers.rollout.freeze import FREEZE, frozen
from handlers.rollout.gates import GATES, load
from tests.fakes import EPOCH
from tests.lab import a_canary

ALWAYS = "* * * * * 1h"


def annotated(annotations: Any, **analysis: Any) -> dict[str, Any]:
    """A Canary with these annotations."""
    canary = a_canary(analysis=analysis)
    return {**canary, "metadata": {**canary["metadata"], "annotations": annotations}}


def a_namespace(annotations: Any) -> dict[str, Any]:
    """The namespace that it is in."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": annotations}}


@pytest.mark.parametrize(
    ("annotations", "error"),
    [
        ({FREEZE: "weekends"}, "frozen by serinus.dev/freeze: 'weekends', expected CRON DURATION"),
        ({FREEZE: f"{ALWAYS}; 0 18 * * 5"}, "frozen by serinus.dev/freeze: '0 18 * * 5', expected"),
        ({"serinus.dev/pause": "yes"}, 'paused by serinus.dev/pause: \'yes\', expected "true" or "false"'),
        ({"serinus.dev/pause": True}, "metadata.annotations.serinus.dev/pause: True is not a string"),
        ({GATES: "open"}, "metadata.annotations[serinus.dev/gates]: 'open', expected a JSON object"),
        ({"serinus.dev/state": "{}"}, "metadata.annotations[serinus.dev/state]: cannot be read"),
        ({"serinus.dev/threshold-counts": "all"}, "metadata.annotations[serinus.dev/threshold-counts]: 'all' is not"),
        ({"serinus.dev/match": "{"}, "metadata.annotations[serinus.dev/match]: '{' is not"),
        ([], "metadata.annotations: [] is not an object"),
    ],
)
def test_values_that_cannot_be_understood_are_errors(annotations: Any, error: str) -> None:
    """Each names the annotation, its value and what was expected."""
    [said] = lint(annotated(annotations), {}).errors
    assert said.startswith(error)


def test_the_words_are_those_of_the_handlers() -> None:
    """Who has met a complaint in a cluster knows it again."""
    bad = {FREEZE: "weekends", "serinus.dev/pause": "yes", GATES: "open"}
    with pytest.raises(BadCanary) as caught:
        load(bad)
    assert list(canary_errors(bad)) == [frozen(bad, EPOCH), pause(bad), str(caught.value)]


@pytest.mark.parametrize(
    "annotations",
    [
        None,
        {FREEZE: f"{ALWAYS}; 2026-12-20T00:00Z/2027-01-02T00:00Z"},
        {"serinus.dev/pause": "False", "serinus.dev/abort": "it looks bad", "serinus.dev/promote": "1"},
        {GATES: '{"gate": ""}', "serinus.dev/retry": "1", "example.com/pause": "perhaps"},
    ],
)
def test_what_can_be_understood_has_nothing_against_it(annotations: Any) -> None:
    """Whether a window is open now or not."""
    report = lint(annotated(annotations), {})
    assert (report.errors, report.warnings) == ((), ())


@pytest.mark.parametrize(
    ("annotations", "warning"),
    [
        ({"serinus.dev/pause": "true"}, "metadata.annotations[serinus.dev/pause]: true: nothing is rolled out"),
        ({"serinus.dev/freezes": ALWAYS}, "metadata.annotations[serinus.dev/freezes]: there is no such annotation"),
    ],
)
def test_what_is_surely_unwanted_is_a_warning(annotations: Any, warning: str) -> None:
    """A pause that is committed, and a misspelt name, which nobody would ever miss."""
    [said] = lint(annotated(annotations), {}).warnings
    assert said.startswith(warning)


@pytest.mark.parametrize(
    ("annotations", "error"),
    [
        ({FREEZE: "weekends"}, "frozen by serinus.dev/freeze of Namespace shop: 'weekends', expected CRON DURATION"),
        ({FREEZE: 5}, "metadata.annotations.serinus.dev/freeze: 5 is not a string"),
    ],
)
def test_a_namespace_is_checked_as_well(annotations: Any, error: str) -> None:
    """And its canaries are, whatever is wrong with it."""
    bad = a_namespace(annotations)
    [said] = lint_namespace(bad).errors
    assert said.startswith(error)
    report = lint(a_canary(), {}, namespaces={"shop": bad})
    assert (report.errors, report.freezes) == ((), ())


def test_windows_of_both_are_shown_with_their_places() -> None:
    """Who wonders why nothing moves finds them beside the steps."""
    around = a_namespace({FREEZE: "2026-12-20T00:00Z/2027-01-02T00:00Z"})
    report = lint(annotated({FREEZE: ALWAYS}), {}, namespaces={"shop": around})
    assert as_json(report)["freezes"] == [
        "* * * * * 1h (serinus.dev/freeze)",
        "2026-12-20T00:00Z/2027-01-02T00:00Z (serinus.dev/freeze of Namespace shop)",
    ]
    assert "  frozen in: * * * * * 1h (serinus.dev/freeze);" in "\n".join(text(report))
    assert lint_namespace(around).errors == ()
