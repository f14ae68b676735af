"""Argo CD's own notification code, with the template and trigger of knative/argocd, starts rollouts by its syncs."""

import json
from collections.abc import Iterator

import pytest

from tests.controlplane.senders.argocd import ArgoCD, argocd_notifications, resource
from tests.controlplane.senders.site import Passed, Site, statuses, steps, version
from tests.e2e.town import App

WRONG = "not-the-token-of-anybody"


@pytest.fixture(scope="module")
def argocd(site: Site) -> Iterator[ArgoCD]:
    """The notifications controller."""
    with argocd_notifications(site) as found:
        yield found


@pytest.fixture
def app(app: App) -> App:
    """An app whose steps are further apart than its test is long, so that only one can be due."""
    app.canary({"stepWeight": 50, "maxWeight": 50, "interval": "60m"})
    return app


def deployment_of(app: App) -> dict[str, object]:
    """The target, as a sync lists it."""
    return resource("Deployment", app.namespace, app.name, "apps")


def causes(app: App) -> list[tuple[str, str]]:
    """What has brought each step of the rollout about. That its pod is waited for is written down too: no step."""
    passed_over = ("bootstrap", "canary not ready")
    return [(step["cause"], step["stage"]) for step in steps(app) if step["stage"] not in passed_over]


def test_a_sync_starts_the_rollout_once_and_at_once(site: Site, argocd: ArgoCD, app: App) -> None:
    """Both conditions of the trigger send the same event; the first starts the rollout, the second changes nothing."""
    argocd.subscribe(app.namespace)
    site.push(app, "2")
    argocd.sync(app.namespace, resource("ConfigMap", app.namespace, "other"), deployment_of(app))
    both = site.wait_for_answers(lambda passed: len(passed) == 2, "both conditions have sent")
    assert statuses(both) == [204, 204]
    assert json.loads(both[0].asked.body) == json.loads(both[1].asked.body)
    assert app.status["phase"] == "Progressing"
    assert causes(app) == [("sync", "new revision")]


def test_a_sync_of_other_things_does_nothing(site: Site, argocd: ArgoCD, app: App) -> None:
    """Neither the target nor the Canary is among the resources: nobody looks, though there is a new revision."""
    argocd.subscribe(app.namespace)
    site.push(app, "2")
    before = version(app)
    others = resource("Deployment", app.namespace, "other", "apps"), resource("Deployment", "other", app.name, "apps")
    argocd.sync(app.namespace, *others, resource("ConfigMap", app.namespace, app.name))
    both = site.wait_for_answers(lambda passed: len(passed) == 2, "both conditions have sent")
    assert statuses(both) == [204, 204]
    assert version(app) == before


def test_what_the_handlers_cannot_do_yet_comes_again(site: Site, argocd: ArgoCD, app: App) -> None:
    """While the API server is out of reach the answer is 503; Argo CD sends the same event until it is done."""
    argocd.subscribe(app.namespace)
    site.push(app, "2")
    with site.outage():
        argocd.sync(app.namespace, deployment_of(app))
        refused = site.wait_for_answers(bool, "the event has come")
    assert set(statuses(refused)) == {503}
    sent = site.wait_for_answers(lambda passed: statuses(passed)[-2:] == [204, 204], "both conditions are content")
    assert len({one.asked.body for one in sent}) == 1
    assert app.status["phase"] == "Progressing"
    assert causes(app) == [("sync", "new revision")]


def test_a_sender_without_the_token_is_not_heard(site: Site, argocd: ArgoCD, app: App) -> None:
    """With another token nothing is read and nothing happens; once it is mended, the condition sends again."""
    argocd.subscribe(app.namespace)
    site.push(app, "2")
    before = version(app)
    argocd.subscribe("nobody")
    argocd.token(WRONG)
    try:
        site.wait_for(lambda: refused(site, argocd), "the controller has the other token")
        site.passed.clear()
        argocd.sync(app.namespace, deployment_of(app))
        both = site.wait_for_answers(lambda passed: len(about(app, passed)) >= 2, "both conditions have sent")
    finally:
        argocd.token(site.handlers.tokens["argocd"])
    assert set(statuses(about(app, both))) == {401}
    assert version(app) == before

    def heard() -> bool:
        argocd.touch(app.namespace)
        return statuses(about(app, site.passed))[-1] == 204

    site.wait_for(heard, "the event has come with the right token")
    assert app.status["phase"] == "Progressing"
    assert causes(app) == [("sync", "new revision")]


def refused(site: Site, argocd: ArgoCD) -> bool:
    """Whether a sync of another Application is not heard."""
    argocd.sync("nobody")
    return 401 in statuses(site.passed)


def about(app: App, passed: list[Passed]) -> list[Passed]:
    """The requests about the app's Application."""
    return [one for one in passed if json.loads(one.asked.body)["subject"] == app.namespace]
