"""What is no webhook of a Canary, or asks too much, is told so and starts no Job."""

import base64
import json
from typing import Any

import pytest

from handlers.errors import Unavailable
from handlers.events.hook import LIMIT
from tests.scenarios.jobs import ASYNC, CONTAINER, METADATA, SiteOf, sites

site_of = pytest.fixture(sites)


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
