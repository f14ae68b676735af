"""A webhook that points at /run-job is answered by a Job, and a rollout goes on or ends by how that went."""

import json
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from handlers.app import routed
from handlers.auth import Authenticator
from handlers.settings import Settings
from handlers.wiring import Wiring
from tests.apps import NoReview
from tests.scenarios.jobs import ASYNC, JOBS, METADATA, SPEC, TOKEN, Site, SiteOf, sites

site_of = pytest.fixture(sites)


def test_a_job_that_fails_aborts_the_rollout_before_any_traffic(site_of: SiteOf) -> None:
    """A failed migration rolls back at the first look, with its reason, and no request ever went to the canary."""
    site = site_of()
    weights = set()
    for _ in range(3):
        site.lab.tick()
        weights.add(site.lab.weights)
    assert site.lab.phase == "Progressing"
    site.end("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    site.lab.tick(2)
    assert site.lab.phase == "Failed"
    assert weights == {(100, 0)} == {site.lab.weights}
    assert any("424: Job shop/app-expand" in event and "BackoffLimitExceeded" in event for event in site.lab.events)
    assert len(site.jobs()) == 1


def test_a_failed_job_counts_to_the_threshold(site_of: SiteOf) -> None:
    """Asked again it says the same and is not run again; at the threshold the rollout ends."""
    site = site_of({"threshold": 2})
    site.lab.tick(2)
    site.end("Failed", "DeadlineExceeded")
    site.lab.tick()
    assert (site.lab.phase, site.lab.canary["status"]["failedChecks"]) == ("Progressing", 1)
    site.lab.tick(2)
    assert (site.lab.phase, site.lab.weights) == ("Failed", (100, 0))
    assert len(site.jobs()) == 1


def test_a_rollout_waits_for_its_job_and_goes_on(site_of: SiteOf) -> None:
    """While the Job runs nothing moves and nothing counts as failed; when it is complete traffic begins."""
    site = site_of()
    site.lab.tick(6)
    status = site.lab.canary["status"]
    assert (site.lab.weights, status["failedChecks"]) == ((100, 0), 0)
    site.end("Complete")
    site.lab.tick()
    assert site.lab.weights == (80, 20)
    site.lab.until("Succeeded")
    assert len(site.jobs()) == 1


def test_the_job_is_the_canarys(site_of: SiteOf) -> None:
    """It goes with its Canary, says for which revision it ran, and a second canary cannot take it for its own."""
    site = site_of()
    assert site.ask(ASYNC)[0] == 202
    (job,) = site.jobs()
    assert job["metadata"]["ownerReferences"][0]["uid"] == site.lab.canary["metadata"]["uid"]
    assert job["metadata"]["annotations"] == {"serinus.dev/job-name": "expand", "serinus.dev/revision": site.revision}
    path = f"{JOBS}/{job['metadata']['name']}"
    assert site.lab.api.call("PATCH", path, {"metadata": {"ownerReferences": None}}).status == 200
    status, text = site.ask(ASYNC)
    assert status == 422
    assert "does not belong to the Canary" in text


def test_a_patient_sender_is_told_to_ask_again(site_of: SiteOf) -> None:
    """With `Prefer: respond-async` a running Job is 202 with the preference applied, a complete one 200."""
    site = site_of()
    headers = {"Authorization": f"Bearer {TOKEN}", **ASYNC}
    payload = {"name": "app", "namespace": "shop", "phase": "x", "checksum": site.revision, "metadata": METADATA}
    body = json.dumps(payload)
    answer = site.client.post("/run-job", data=body, headers=headers)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    site.end("Complete")
    answer = site.client.post("/run-job", data=body, headers=headers)
    assert (answer.status_code, answer.headers.get("Preference-Applied")) == (200, None)


def test_another_sender_waits_within_its_timeout(site_of: SiteOf) -> None:
    """Without the preference the answer is held back until the Job has ended, or 503 after most of the timeout."""
    site = site_of()
    before = site.lab.clock()
    assert site.ask()[0] == 503
    assert (site.lab.clock() - before).total_seconds() == 16

    def sleep(seconds: float) -> None:
        site.lab.clock.tick(seconds)
        site.end("Complete")

    site.lab.world = replace(site.lab.world, sleep=sleep)
    status, text = Site(site.lab, client_again(site)).ask()
    assert (status, text.split()[-1]) == (200, "complete")


def client_again(site: Site) -> FlaskClient:
    """A client of an app around the lab's present world, open to anybody."""
    settings = Settings.from_env({"SERINUS_NO_AUTH": "true"})
    return routed(
        settings, Wiring(lambda: site.lab.world), Authenticator(settings, NoReview(), lambda: 0.0)
    ).test_client()


def test_a_template_is_cloned(site_of: SiteOf) -> None:
    """A suspended CronJob of the namespace is run with what is forced; one that is missing is told."""
    metadata = {"jobTemplate": "migrate"}
    site = site_of(metadata=metadata)
    assert site.ask(ASYNC, metadata=metadata) == (422, "metadata.jobTemplate: there is no CronJob shop/migrate\n")
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "migrate"},
        "spec": {"schedule": "0 0 31 2 *", "suspend": True, "jobTemplate": {"spec": SPEC}},
    }
    assert site.lab.api.call("POST", "/apis/batch/v1/namespaces/shop/cronjobs", cron).status == 201
    assert site.ask(ASYNC, metadata=metadata)[0] == 202
    (job,) = site.jobs()
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["migrate", "expand"]
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_a_job_for_one_phase_is_run_in_that_alone(site_of: SiteOf) -> None:
    """What a post-rollout webhook may do after a success is not done after a rollback."""
    metadata = {**METADATA, "jobPhase": "Succeeded"}
    site = site_of(metadata=metadata)
    assert site.ask(ASYNC, metadata=metadata, phase="Failed")[0] == 200
    assert site.jobs() == []
    assert site.ask(ASYNC, metadata=metadata, phase="Succeeded")[0] == 202
    assert len(site.jobs()) == 1


def test_a_post_rollout_webhook_starts_its_job_and_is_not_kept_waiting(site_of: SiteOf) -> None:
    """Nobody heeds how it ends, so the sender hears at once that it runs; a failed Job is told all the same."""
    site = site_of(type="post-rollout")
    before = site.lab.clock()
    assert site.ask()[0] == 202
    assert site.lab.clock() == before
    site.end("Failed", "BackoffLimitExceeded")
    assert site.ask()[0] == 424


def test_two_questions_at_once_start_one_job(site_of: SiteOf) -> None:
    """Whoever comes second to create the Job takes the one that is there."""
    site = site_of()

    def first(verb: str, path: str) -> None:
        if verb == "create" and path == JOBS:
            site.lab.cluster.before = lambda _verb, _path: None
            assert site.ask(ASYNC)[0] == 202

    site.lab.cluster.before = first
    assert site.ask(ASYNC)[0] == 202
    assert len(site.jobs()) == 1


def test_a_job_that_is_gone_again_is_asked_for_anew(site_of: SiteOf) -> None:
    """A Job that was there a moment ago and is no more is 503: the sender asks again."""
    site = site_of()

    def first(verb: str, path: str) -> None:
        if verb == "create" and path == JOBS:
            site.lab.cluster.before = lambda _verb, _path: None
            assert site.ask(ASYNC)[0] == 202
            site.lab.cluster.before = vanish

    def vanish(verb: str, path: str) -> None:
        if verb == "get" and path.startswith(JOBS):
            for job in site.jobs():
                site.lab.api.call("DELETE", f"{JOBS}/{job['metadata']['name']}")

    site.lab.cluster.before = first
    assert site.ask(ASYNC)[0] == 503
