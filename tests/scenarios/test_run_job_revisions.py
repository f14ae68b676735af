"""A Job is run for the revision in hand alone, once, and once more for a retry."""

import pytest

from tests.lab import an_alert
from tests.scenarios.jobs import ASYNC, JOBS, Site, SiteOf, sites

site_of = pytest.fixture(sites)


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
