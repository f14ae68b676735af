"""Alerts that name a canary, and nothing else of what Alertmanager sends."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadEvent
from handlers.events.alertmanager import Alert, Status, read

LABELS = {"alertname": "HighErrorRate", "namespace": "shop", "canary": "podinfo", "severity": "critical"}
ALERT = {
    "status": "firing",
    "labels": LABELS,
    "annotations": {"summary": "too many errors", "description": "of shop/podinfo", "value": "7.25"},
    "startsAt": "2026-11-23T11:22:58.742Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "0e81438764a5bfb2",
}


def group(*alerts: Any, **fields: Any) -> dict[str, Any]:
    """Alertmanager's webhook body with these alerts."""
    return {"version": "4", "status": "firing", "groupKey": "{}", "alerts": list(alerts)} | fields


def test_an_alert() -> None:
    """Everything that a rollback needs to know, and what it will say."""
    (alert,) = read(json.dumps(group(ALERT)).encode())
    assert alert == Alert(
        status=Status.FIRING,
        namespace="shop",
        canary="podinfo",
        fingerprint="0e81438764a5bfb2",
        starts_at=datetime(2026, 11, 23, 11, 22, 58, 742000, tzinfo=UTC),
        name="HighErrorRate",
        severity="critical",
        summary="too many errors",
        description="of shop/podinfo",
        value="7.25",
    )
    assert alert.key == "0e81438764a5bfb2/2026-11-23T11:22:58.742000+00:00"


def test_the_same_moment_has_the_same_key() -> None:
    """An Alertmanager in another time zone does not make another firing of it."""
    there = ALERT | {"startsAt": "2026-11-23T12:22:58.742+01:00"}
    first, second = read(group(ALERT, there))
    assert first.key == second.key


@pytest.mark.parametrize(
    "labels",
    [
        None,
        {},
        {"namespace": "shop"},
        {"canary": "podinfo"},
        LABELS | {"namespace": "a/b"},
        LABELS | {"canary": "../x"},
        LABELS | {"canary": None},
    ],
)
def test_alerts_that_name_no_canary_are_left_out(labels: dict[str, Any] | None) -> None:
    """They are for somebody else, so nothing else of them has to be right."""
    other = {"labels": labels, "status": "?"}
    assert [alert.canary for alert in read(group(other, ALERT))] == ["podinfo"]


@pytest.mark.parametrize(
    ("ends_at", "expected"),
    [
        pytest.param("2026-11-23T11:30:00Z", datetime(2026, 11, 23, 11, 30, tzinfo=UTC), id="when it ended"),
        pytest.param(None, datetime(2026, 11, 23, 11, 22, 58, 742000, tzinfo=UTC), id="nobody says when"),
        pytest.param("0001-01-01T00:00:00Z", datetime(2026, 11, 23, 11, 22, 58, 742000, tzinfo=UTC), id="year 1"),
    ],
)
def test_a_resolved_alert_has_an_end(ends_at: str | None, expected: datetime) -> None:
    """It is not before its start; one that fires has none, whatever it says."""
    resolved, firing = read(group(ALERT | {"status": "resolved", "endsAt": ends_at}, ALERT | {"endsAt": "?"}))
    assert (resolved.ends_at, firing.ends_at) == (expected, None)


@pytest.mark.parametrize(
    ("labels", "about", "workloads"),
    [
        ({}, "", ()),
        ({"destination_workload": "podinfo-primary"}, "", ("podinfo-primary",)),
        ({"deployment": "a", "workload": "a", "daemonset": "b"}, "", ("a", "b")),
        ({"pod": "podinfo-primary-7d9c6d5b4-x2x7q"}, "", ("podinfo-primary-7d9c6d5b4", "podinfo-primary")),
        ({"serinus_about": "primary"}, "primary", ()),
    ],
)
def test_an_alert_may_say_what_it_is_about(labels: dict[str, str], about: str, workloads: tuple[str, ...]) -> None:
    """By the workload that its labels name, by a pod of it, or in a word."""
    (alert,) = read(group(ALERT | {"labels": LABELS | labels}))
    assert (alert.about, alert.workloads) == (about, workloads)


@pytest.mark.parametrize("alerts", [None, []])
def test_no_alerts(alerts: list[Any] | None) -> None:
    """Nothing to do is no mistake."""
    assert read(group(alerts=alerts)) == ()


def test_texts_are_short_printable_lines() -> None:
    """Templates write line breaks; nothing of them reaches a log line, and missing texts are empty."""
    annotations = {"summary": "a\r\n  b\x1b[31m", "description": "x" * 999}
    (alert,) = read(group(ALERT | {"annotations": annotations}))
    assert (alert.summary, alert.description, alert.value) == ("a b\N{REPLACEMENT CHARACTER}[31m", "x" * 256, "")
    (alert,) = read(group(ALERT | {"annotations": None}))
    assert alert.summary == ""


def test_the_year_one() -> None:
    """Go writes the year 1 for no time; it is a time like any other."""
    (alert,) = read(group(ALERT | {"startsAt": "0001-01-01T00:00:00Z"}))
    assert alert.starts_at == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "^body: None, expected a JSON object"),
        (b"", "^body: not JSON"),
        (b"[]", "^body: "),
        ({}, '^version: None, expected "4"'),
        (group(version="1"), "^version: '1', expected"),
        (group(version=4), "^version: 4, expected"),
        (group(alerts={}), "^alerts: {}, expected a JSON array"),
        (group("x"), r"^alerts\[0\]: 'x', expected a JSON object"),
        (group(ALERT, ALERT | {"labels": []}), r"^alerts\[1\].labels: \[\], expected a JSON object"),
        (group(ALERT | {"labels": {"namespace": 5}}), r"^alerts\[0\].labels.namespace: 5, expected a string"),
        (group(ALERT | {"annotations": "x"}), r"^alerts\[0\].annotations: 'x', expected a JSON object"),
        (group(ALERT | {"annotations": {"value": 7.25}}), r"^alerts\[0\].annotations.value: 7.25, expected a string"),
        (group(ALERT | {"status": "pending"}), r"^alerts\[0\].status: 'pending', expected firing or resolved"),
        (group(ALERT | {"status": None}), r"^alerts\[0\].status: None, expected firing or resolved"),
        (group(ALERT | {"fingerprint": None}), r"^alerts\[0\].fingerprint: '', expected a hash"),
        (group(ALERT | {"fingerprint": "a/b"}), r"^alerts\[0\].fingerprint: 'a/b', expected a hash"),
        (group(ALERT | {"startsAt": None}), r"^alerts\[0\].startsAt: '', expected a time"),
        (group(ALERT | {"startsAt": "now"}), r"^alerts\[0\].startsAt: 'now', expected a time"),
        (group(ALERT | {"status": "resolved", "endsAt": "now"}), r"^alerts\[0\].endsAt: 'now', expected a time"),
        (group(ALERT | {"labels": LABELS | {"pod": 5}}), r"^alerts\[0\].labels.pod: 5, expected a string"),
    ],
)
def test_malformed_payloads(payload: Any, reason: str) -> None:
    """The message names the alert, the field, its value and what was expected."""
    with pytest.raises(BadEvent, match=reason):
        read(payload)


JSON = st.recursive(
    st.none() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*LABELS, *ALERT]) | st.text(), inner),
    max_leaves=5,
)
CHANGED = st.dictionaries(st.sampled_from(list(ALERT)), JSON, max_size=2).map(lambda change: ALERT | change)


@given(
    st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | st.lists(CHANGED).map(lambda all_: group(*all_))
)
def test_any_payload_gives_alerts_or_a_bad_event(payload: Any) -> None:
    """Nothing that is sent raises anything else."""
    try:
        alerts = read(payload)
    except BadEvent:
        return
    for alert in alerts:
        assert len(alert.key) < 128
        assert alert.summary.isprintable()
