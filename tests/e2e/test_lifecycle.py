"""Weighted canaries with real traffic: from the first deployment over bad versions to good ones."""

from handlers.sandbox.process import wait_for
from tests.e2e.town import PATIENCE, App

STEPS = {"maxWeight": 30, "stepWeight": 10}
MEASURED = {
    "maxWeight": 30,
    "stepWeight": 30,
    "interval": "20s",
    "threshold": 3,
    "metrics": [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}],
}


def test_init_then_weighted_promotion(app: App) -> None:
    """Flagger's test-canary 1 and 2: the apex is made as declared, and a new image goes 10, 20, 30, all.

    Flagger's gatewayapi/test-utils.
    """
    apex = {"labels": {"declared": "label"}, "annotations": {"declared": "annotation"}}
    app.start("1", STEPS, service={"apex": apex})
    service = app.apex()
    assert service["spec"]["selector"] == {"app": "app-primary"}
    assert service["metadata"]["labels"]["declared"] == "label"
    assert service["metadata"]["annotations"]["declared"] == "annotation"
    app.serves_only("1")
    app.push("2")
    assert [weight for weight in app.until_over("Succeeded") if weight] == [10, 20, 30]
    assert app.promoted == "app:2"
    app.serves_only("2")


def test_the_metrics_of_a_bad_version_roll_it_back(measured: App) -> None:
    """Errors in real requests are measured and counted; everybody is back at the old version.

    Flagger's gatewayapi/test-canary.
    """
    app = measured
    app.start("1", MEASURED)
    with app.traffic() as traffic:
        app.push("2-errors")
        app.until("Progressing", 30)
        app.measure(500)
        app.until("Failed")
        assert app.promoted == "app:1"
    assert _measured_errors(app)
    app.serves_only("1")
    heard = traffic.summary()
    assert heard.lost == []
    assert {answer.version for answer in heard.failed} == {"2-errors"}


def test_the_life_of_a_canary(measured: App) -> None:
    """Flagger's nginx test-lifecycle: clients meet errors, the push is taken back, repeated, and at last retried."""
    app = measured
    app.start("1", MEASURED)
    before = app.deployment()["metadata"]["annotations"]["serinus.dev/promoted"]
    with app.traffic(), app.traffic("/status/500"):
        app.push("2")
        app.until("Progressing", 30)
        app.measure(500)
        app.until("Failed")
        assert _measured_errors(app)
        app.push("1")
        _stays(app, "Failed")
        assert app.deployment("app")["spec"]["replicas"] == 0
        assert app.deployment()["metadata"]["annotations"]["serinus.dev/promoted"] == before
        app.push("2")
        app.until("Progressing", 30)
        app.measure(500)
        app.until("Failed")
    with app.traffic():
        app.push("2", touched="once")
        app.until("Progressing", 30)
        app.measure(200)
        app.until("Succeeded")
    assert app.promoted == "app:2"
    app.serves_only("2")


def _measured_errors(app: App) -> list[str]:
    """What was told about success rates that were too low: it was the errors that stopped the canary."""
    return [text for text in app.events() if "advancement success rate" in text and "< 99%" in text]


def _stays(app: App, phase: str) -> None:
    """Ticks over more than an interval move nothing."""
    clock = app.clock()
    app.ticks_until(lambda: app.status["phase"] != phase or app.clock() > clock + 25, "time passes")
    assert app.status["phase"] == phase


def test_skip_analysis(app: App) -> None:
    """Flagger's test-skip-analysis: a good image is promoted at once, one that does not exist never serves.

    The primary is seen to answer all the time, instead of being said to.
    """
    app.start("1", {**STEPS, "threshold": 1}, skipAnalysis=True, progressDeadlineSeconds=60)
    with app.traffic() as traffic:
        app.push("2")
        app.until("Succeeded")
        wait_for(lambda: "2" in traffic.summary().versions, "the new version answers", PATIENCE)
        app.push("3-missing")
        app.until("Failed")
        assert app.promoted == "app:2"
    app.serves_only("2")
    heard = traffic.summary()
    assert heard.failed == []
    assert set(heard.versions) == {"1", "2"}
