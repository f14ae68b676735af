"""Prometheus and Alertmanager with the files of alertmanager/ roll canaries back: other times, URLs and token only."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import pytest

from handlers.sandbox.demo import alerting
from handlers.sandbox.demo.story import SCALE
from handlers.sandbox.sandbox import Options
from tests.controlplane.control_plane import ADMIN, ControlPlane
from tests.controlplane.senders.site import Passed, Site, open_site, statuses, steps, version
from tests.e2e.town import App
from tests.sandbox.agents.conftest import HAS_METRICS

Labels = Mapping[str, str]


@pytest.fixture(scope="module")
def site(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With Prometheus and Alertmanager, which runs with our route, receiver and rules."""
    if find_spec("envoy") is None:
        pytest.skip("Envoy is not installed: pip install 'serinus[sandbox]'")
    if not HAS_METRICS:
        pytest.skip("not on the PATH: apt-get install prometheus prometheus-alertmanager")

    def options(site: Site) -> Options:
        return Options(
            kubeconfig=plane.kubeconfig(ADMIN),
            interval=15 / SCALE,
            rules=alerting.rules(alerting.read("rules.yml"), SCALE),
            alertmanager=configuration(site),
        )

    with open_site(plane, tmp_path_factory.mktemp("site"), options) as found:
        yield found


def configuration(site: Site) -> alerting.Document:
    """alertmanager.yml, for the handlers here."""
    credentials = site.handlers.tokens_dir / "alertmanager"
    return alerting.alertmanager(alerting.read("alertmanager.yml"), site.url, credentials, SCALE)


def post(site: Site, labels: Labels, *, seconds_ago: float = 0, ended: bool = False) -> None:
    """Tell Alertmanager of an alert, as Prometheus does."""
    now = datetime.now(UTC)  # noqa: TID251  a sender reads its clock
    alert = {"labels": {"serinus": "true", **labels}, "startsAt": (now - timedelta(seconds=seconds_ago)).isoformat()}
    site.sandbox.alertmanager.post([alert | ({"endsAt": now.isoformat()} if ended else {})])


def about(app: App, name: str = "CanaryErrorRate") -> Labels:
    """The labels of an alert about an app."""
    return {"alertname": name, "namespace": app.namespace, "canary": app.name}


def told(site: Site, app: App) -> list[Passed]:
    """The notifications about an app's namespace: those of earlier tests are repeated every now and then."""
    return [one for one in site.passed if app.namespace.encode() in one.asked.body]


def answered(site: Site, app: App, number: int) -> None:
    """So many notifications have come, and each was done."""
    site.wait_for(lambda: len(told(site, app)) >= number, f"{number} notifications have come")
    assert set(statuses(told(site, app))) == {204}


def test_errors_of_real_requests_roll_a_canary_back(site: Site, app: App) -> None:
    """Half of the canary's answers are errors: without a tick its traffic goes back, by the rules' own alert."""
    with app.traffic():
        app.push("2-errors50")
        app.until("Progressing", 50)
        site.wait_for(lambda: app.status["phase"] == "Failed", "the canary has been rolled back")
    last = steps(app)[-1]
    assert (last["cause"], last["stage"]) == ("alert", "alerted")
    assert "CanaryErrorRate" in last["decision"]
    assert weights(app) == {app.name + "-primary": 100, app.name + "-canary": 0}
    app.serves_only("1")
    app.tick()
    assert app.status["phase"] == "Failed"


def test_an_alert_from_before_the_rollout_holds_it_until_its_end_is_told(site: Site, app: App) -> None:
    """Heard at rest it rolls nothing back, and the rollout that begins after it gets no traffic while it fires."""
    post(site, about(app), seconds_ago=60)
    answered(site, app, 1)
    assert app.status["phase"] == "Initialized"
    app.push("2")
    app.ticks_until(lambda: steps(app)[-1]["stage"] == "held before the first step", "the alert holds the rollout")
    assert "alert CanaryErrorRate has been firing since" in steps(app)[-1]["decision"]
    post(site, about(app), seconds_ago=60, ended=True)
    site.wait_for(lambda: b'"status":"resolved"' in told(site, app)[-1].asked.body, "its end has been told")
    app.until("Progressing", 50)
    assert set(statuses(told(site, app))) == {204}


def test_an_alert_about_another_namespace_does_nothing(site: Site, app: App) -> None:
    """A canary of the same name elsewhere is another one; so is an alert that names no canary."""
    app.push("2")
    app.until("Progressing", 50)
    before = version(app)
    post(site, {**about(app), "namespace": f"{app.namespace}-elsewhere"})
    post(site, {"alertname": "CanaryErrorRate", "namespace": app.namespace})
    answered(site, app, 2)
    assert version(app) == before


def test_an_alert_outlives_a_restart_of_the_handlers(site: Site, app: App) -> None:
    """It comes while they are away, is sent again until they are back, and rolls back then."""
    app.push("2")
    app.until("Progressing", 50)
    site.handlers.stop()
    try:
        post(site, about(app))
        site.wait_for(lambda: len(told(site, app)) > 1, "the alert is sent again")
    finally:
        site.start_handlers()
    site.wait_for(lambda: app.status["phase"] == "Failed", "the canary has been rolled back")
    site.wait_for(lambda: 204 in statuses(told(site, app)), "the alert is answered")
    assert statuses(told(site, app))[:2] == [503, 503]
    assert [step["stage"] for step in steps(app)].count("alerted") == 1


def weights(app: App) -> dict[str, int]:
    """How the VirtualService shares requests out."""
    (route,) = app.route()["spec"]["http"]
    return {one["destination"]["host"]: one.get("weight", 0) for one in route["route"]}
