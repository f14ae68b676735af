"""A webhook that points at /run-job is answered by a Job, and a rollout goes on or ends by how that went."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from handlers.app import routed
from handlers.auth import Authenticator, Review
from handlers.errors import Unavailable
from handlers.events.hook import LIMIT
from handlers.settings import Settings
from handlers.step.ports import Request, Response
from handlers.wiring import Wiring
from tests.lab import Lab, a_canary, an_alert, at, new_lab
from tests.protocol.harness import state_of

TOKEN = "a-token-of-the-tests"
URL = "http://serinus.test/run-job"
CONTAINER = {"name": "migrate", "image": "ghcr.io/shop/migrate:2", "command": ["migrate", "expand"]}
SPEC = {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}
METADATA = {"jobName": "expand", "jobSpec": base64.b64encode(json.dumps(SPEC).encode()).decode()}
HOOK = {"name": "migrate", "type": "pre-rollout", "url": URL, "timeout": "20s", "metadata": METADATA}
ASYNC = {"Prefer": "respond-async, wait=10"}
JOBS = "/apis/batch/v1/namespaces/shop/jobs"


class NoReview:
    """No token is known to the API server."""

    def review(self, token: str) -> Review:
        """Refuse."""
        return Review(authenticated=token == "")


def client_of(lab: Lab, tokens: Path, **environ: str) -> FlaskClient:
    """An HTTP client of an app around a lab."""
    (tokens / "hooks").write_text(TOKEN)
    settings = Settings.from_env({"SERINUS_TOKENS_DIR": str(tokens), "SERINUS_JOB_IMAGES": "ghcr.io/shop/", **environ})
    authenticator = Authenticator(settings, NoReview(), lambda: 0.0)
    return routed(settings, Wiring(lambda: lab.world), authenticator).test_client()


@dataclass
class App:
    """The Http port: what a step sends goes to the app, and its answer back."""

    client: FlaskClient

    def send(self, request: Request) -> Response:
        """Post to /run-job."""
        answer = self.client.post("/run-job", data=request.body, headers=dict(request.headers))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status_code, headers=headers, body=answer.data)


@dataclass
class Site:
    """A lab whose Canary has a webhook that asks for a Job, and whose webhooks go to its own app."""

    lab: Lab
    client: FlaskClient

    @property
    def revision(self) -> str:
        """The one under analysis."""
        return state_of(self.lab).revision

    def jobs(self) -> list[Any]:
        """The Jobs there are."""
        items: list[Any] = self.lab.api.call("GET", JOBS).body["items"]
        return items

    def end(self, kind: str, reason: str = "", message: str = "") -> None:
        """Let the Job end."""
        (job,) = self.jobs()
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        status = {"status": {"conditions": [condition]}}
        path = f"{JOBS}/{job['metadata']['name']}/status"
        assert self.lab.api.call("PATCH", path, status).status == 200

    def ask(self, headers: dict[str, str] | None = None, **changes: Any) -> tuple[int, str]:
        """Ask as the webhook does."""
        payload = {"name": "app", "namespace": "shop", "phase": "Progressing", "checksum": self.revision}
        body = json.dumps({**payload, "metadata": METADATA, **changes})
        answer = self.client.post(
            "/run-job", data=body, headers={"Authorization": f"Bearer {TOKEN}", **(headers or {})}
        )
        return answer.status_code, answer.text


SiteOf = Callable[..., Site]


@pytest.fixture
def site_of(tmp_path: Path) -> SiteOf:
    """Makes a site where app:v2 is about to be analysed.

    Arguments change the webhook, `analysis` the analysis, `environ` the settings.
    """

    def make(analysis: dict[str, Any] | None = None, environ: dict[str, str] | None = None, **hook: Any) -> Site:
        wanted = {"threshold": 1, "webhooks": [{**HOOK, **hook}], **(analysis or {})}
        lab = at(new_lab(a_canary(analysis=wanted)), "Progressing")
        client = client_of(lab, tmp_path, **(environ or {}))
        lab.world = replace(lab.world, http=App(client), token=lambda _: TOKEN)
        return Site(lab, client)

    return make


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


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"checksum": ""}, 400, "checksum: is required"),
        ({"name": "Not A Name"}, 400, "name: 'Not A Name'"),
        ({"name": None}, 400, "name: ''"),
        ({"namespace": "../kube-system"}, 400, "namespace: '../kube-system'"),
        ({"metadata": {"jobName": 5}}, 400, "metadata: expected a JSON object of strings"),
        ({"metadata": ["a"]}, 400, "metadata: expected a JSON object of strings"),
        ({"metadata": {"jobName": "a" * LIMIT}}, 413, "the payload is larger than 32768 bytes"),
        ({"name": "another"}, 422, "there is no Canary shop/another"),
        ({"namespace": "web"}, 422, "there is no Canary web/app"),
        ({"metadata": {}}, 422, "metadata: expected either jobSpec"),
        ({"metadata": {**METADATA, "jobName": "other"}}, 422, "no webhook of Canary shop/app has this metadata"),
        ({"metadata": {"jobTemplate": "migrate"}}, 422, "no webhook of Canary shop/app has this metadata"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_what_is_not_run_is_told_why(site_of: SiteOf, changes: dict[str, Any], status: int, text: str) -> None:
    """What is no webhook of a Canary is refused in words, with a status that nobody repeats; nothing is started."""
    site = site_of()
    told = site.ask(ASYNC, **changes)
    assert told[0] == status
    assert told[1].startswith(text)
    assert site.jobs() == []


def test_only_known_senders_may_ask(site_of: SiteOf) -> None:
    """Without a token nothing is read."""
    site = site_of()
    assert site.client.post("/run-job", data="{").status_code == 401


def test_other_namespaces_are_not_ours(site_of: SiteOf) -> None:
    """SERINUS_NAMESPACES holds for Jobs as well."""
    site = site_of(environ={"SERINUS_NAMESPACES": "web"})
    assert site.ask() == (422, "there is no Canary shop/app\n")


def test_a_spec_that_asks_too_much_is_refused_and_not_logged(site_of: SiteOf, caplog: pytest.LogCaptureFixture) -> None:
    """The field is named, no Job is started, and what is in the spec is not in the log."""
    env = [{"name": "PASSWORD", "value": "hunter2"}]
    pod = {"containers": [{**CONTAINER, "env": env}], "hostNetwork": True}
    spec = base64.b64encode(json.dumps({"template": {"spec": pod}}).encode()).decode()
    metadata = {"jobName": "expand", "jobSpec": spec}
    site = site_of(metadata=metadata)
    status, text = site.ask(ASYNC, metadata=metadata)
    assert status == 422
    assert text.startswith("jobSpec.template.spec.hostNetwork: is not allowed")
    assert "hunter2" not in caplog.text
    assert spec not in caplog.text
    assert site.jobs() == []


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


def test_an_api_server_that_is_away_is_503(site_of: SiteOf) -> None:
    """What may be there in a moment is asked for again by every sender."""
    site = site_of()

    def away(_verb: str, _path: str) -> None:
        raise Unavailable("the API server is away")

    site.lab.cluster.before = away
    assert site.ask(ASYNC)[0] == 503


def test_a_canary_on_its_way_out_starts_nothing(site_of: SiteOf) -> None:
    """A Canary that is being deleted gets no new Job."""
    site = site_of()
    path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app"
    site.lab.api.call("PATCH", path, {"metadata": {"finalizers": ["example.com/wait"]}})
    site.lab.api.call("DELETE", path)
    status, text = site.ask(ASYNC)
    assert status == 422
    assert "is being deleted" in text
    assert site.jobs() == []


def refused(site: Site, revision: str) -> bool:
    """Whether a call for a revision is refused, and starts nothing."""
    before = len(site.jobs())
    status, text = site.ask(ASYNC, checksum=revision)
    assert status != 409 or text.startswith(f"checksum: {revision!r} is not the revision under analysis")
    return status == 409 and len(site.jobs()) == before


def test_a_call_for_another_revision_starts_no_job(site_of: SiteOf) -> None:
    """A late or repeated call must not migrate for what was overtaken, by a push, a rollback, or the end of its run."""
    site = site_of()
    first = site.revision
    assert refused(site, "1-abc")
    site.lab.push("app:v3")
    site.lab.tick()
    assert refused(site, first)
    second = site.revision
    site.lab.step(an_alert(site.lab.clock()))
    assert site.lab.phase == "Failed"
    assert refused(site, second)
    assert site.jobs() == []


def test_a_call_in_the_middle_of_a_rollback_starts_no_job(site_of: SiteOf) -> None:
    """Once its intent stands, whoever was asked before it may still ask, and gets nothing."""
    site = site_of()
    late: list[bool] = []

    def between(verb: str, path: str) -> None:
        if verb == "patch" and path.endswith("/deployments/app") and not late:
            late.append(True)
            late[0] = refused(site, site.revision)

    site.lab.cluster.before = between
    site.lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {"serinus.dev/abort": "now"}}})
    site.lab.step()
    assert (site.lab.phase, late) == ("Failed", [True])


def test_a_retry_runs_its_job_again(site_of: SiteOf) -> None:
    """A retried revision has a Job of its own, once, and the one that failed stays to be read."""
    site = site_of()
    site.lab.tick()
    site.end("Failed", "BackoffLimitExceeded")
    site.lab.until("Failed")
    retry = {"metadata": {"annotations": {"serinus.dev/retry": "once more"}}}
    site.lab.edit("flagger.app/v1beta1/canaries/app", retry)
    site.lab.tick(4)
    assert site.lab.phase == "Progressing"
    names = {job["metadata"]["name"] for job in site.jobs()}
    assert len(names) == 2
    (again,) = (job for job in site.jobs() if not job.get("status", {}).get("conditions"))
    status = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    assert site.lab.api.call("PATCH", f"{JOBS}/{again['metadata']['name']}/status", status).status == 200
    site.lab.until("Succeeded")
    assert {job["metadata"]["name"] for job in site.jobs()} == names


@pytest.mark.parametrize("kind", ["confirm-rollout", "pre-rollout", "rollout", "confirm-promotion", "post-rollout"])
def test_every_webhook_of_a_run_may_ask(site_of: SiteOf, kind: str) -> None:
    """Whatever the type of a webhook is, the revision that its step is about has its Job, and one only."""
    site = site_of(type=kind)
    for image in ("app:v3", "app:v4"):
        site.lab.push(image)
        for _ in range(14):
            site.lab.tick()
            for job in site.jobs():
                path = f"{JOBS}/{job['metadata']['name']}/status"
                site.lab.api.call("PATCH", path, {"status": {"conditions": [{"type": "Complete", "status": "True"}]}})
        assert site.lab.phase == "Succeeded"
    asked_for = [job["metadata"]["annotations"]["serinus.dev/revision"] for job in site.jobs()]
    assert asked_for.count(site.revision) == 1
    assert not [event for event in site.lab.events if "409" in event]
