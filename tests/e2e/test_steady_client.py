"""A steady client loses no request while healthy versions are bootstrapped, promoted and rolled back.

Real pods, real Envoy; the handlers with their real clients.
"""

from handlers.sandbox.process import wait_for
from tests.e2e.town import PATIENCE, App


def test_no_request_is_lost(app: App) -> None:
    """Bootstrap beside running traffic, a promotion, and a rollback of a healthy version: every request is answered."""
    app.deploy("1.0.0", replicas=2)
    app.service()
    app.serves_only("1.0.0")
    with app.traffic() as traffic:
        wait_for(lambda: traffic.summary().count > 20, "20 requests", PATIENCE)
        app.canary({"maxWeight": 50, "stepWeight": 25})
        app.until("Initialized")
        app.push("1.0.1")
        app.until("Progressing", 50)
        app.until("Succeeded")
        app.push("1.0.2")
        app.until("Progressing", 25)
        wait_for(lambda: "1.0.2" in traffic.summary().versions, "an answer of 1.0.2", PATIENCE)
        app.alert()
        assert app.status["phase"] == "Failed"
        seen = traffic.summary().count
        wait_for(lambda: traffic.summary().count > seen + 50, "50 more requests", PATIENCE)
    summary = traffic.summary()
    assert [answer.error or answer.status for answer in summary.failed] == []
    assert set(summary.versions) == {"1.0.0", "1.0.1", "1.0.2"}
    assert {answer.version for answer in summary.answers[-40:]} == {"1.0.1"}
