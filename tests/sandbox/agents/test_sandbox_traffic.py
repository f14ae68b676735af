"""What requests meet in the sandbox."""

from functools import partial
from math import sqrt

import urllib3

from handlers.sandbox.kube import PODS
from handlers.sandbox.pods import is_ready
from handlers.sandbox.process import wait_for
from handlers.sandbox.traffic import Traffic
from tests.sandbox.agents.place import Place


def more_than(traffic: Traffic, number: int) -> bool:
    """Whether so many requests are over."""
    return traffic.summary().count > number


def test_weights_are_what_requests_meet(place: Place) -> None:
    """At weight 30 the canary answers 30 % of the requests, within five standard deviations."""
    place.canary_setup()
    place.virtual_service(place.weights(30))
    place.eventually(lambda: "2" in place.answers(10), "the canary answers")
    number, share = 600, 0.3
    found = place.answers(number)
    assert abs(found["2"] - number * share) < 5 * sqrt(number * share * (1 - share))
    assert found["1"] + found["2"] == number


def test_a_header_leads_to_the_canary(place: Place) -> None:
    """A match sends all requests that have it to the canary, and no other request."""
    place.canary_setup()
    match = {"match": [{"headers": {"x-user": {"exact": "insider"}}}]} | {
        "route": [{"destination": {"host": "app-canary"}, "weight": 0}]
    }
    place.virtual_service(match, place.weights(0))
    place.eventually(lambda: place.answers(1, **{"x-user": "insider"}) == {"2": 1}, "the match holds")
    assert place.answers(50, **{"x-user": "insider"}) == {"2": 50}
    assert place.answers(50) == {"1": 50}


def test_mirrored_requests_reach_the_canary_only_as_copies(place: Place) -> None:
    """The client hears the primary alone, while the canary gets a copy of each request."""
    place.canary_setup()
    place.virtual_service(place.weights(0) | {"mirror": {"host": "app-canary"}, "mirrorPercentage": {"value": 100}})

    def copies() -> int:
        name = f"cluster.{place.namespace}/app/8080~mirror.upstream_rq_200"
        lines = urllib3.request("GET", f"{place.sandbox.envoy_url}/stats?filter=upstream_rq_200").data.decode()
        return next((int(line.split(": ")[1]) for line in lines.splitlines() if line.startswith(name)), 0)

    place.eventually(lambda: bool(place.answers(1)) and copies() > 0, "a copy arrives")
    before = copies()
    assert place.answers(50) == {"1": 50}
    place.eventually(lambda: copies() >= before + 50, "each request has a copy")


def test_no_request_is_lost_while_a_deployment_rolls(place: Place) -> None:
    """A steady client is answered by the old version, then by the new one, and always by one of them."""
    place.deployment("app", "1", replicas=2)
    place.service("app", "app")
    place.eventually(lambda: place.answers(1) == {"1": 1}, "the Service answers")
    with Traffic(place.sandbox.ingress_url, f"app.{place.namespace}", rate=100) as traffic:
        place.deployment("app", "2", replicas=2)
        wait_for(lambda: "2" in traffic.summary().versions, "the new version answers", 30)
        place.deployment("app", "3", replicas=2)
        wait_for(lambda: "3" in traffic.summary().versions, "the newest version answers", 30)
        place.eventually(lambda: len(place.pods()) == 2, "the old pods are gone")
    found = traffic.stop()
    assert found.lost == []
    assert set(found.versions) == {"1", "2", "3"}


def test_no_request_is_lost_while_weights_change(place: Place) -> None:
    """Twenty new weights, one after the other, leave no gap."""
    place.canary_setup()
    place.virtual_service(place.weights(0))
    with Traffic(place.sandbox.ingress_url, f"app.{place.namespace}", rate=100) as traffic:
        for step in range(1, 21):
            place.virtual_service(place.weights(5 * step))
            wait_for(partial(more_than, traffic, traffic.summary().count + 3), "requests go on", 30)
    found = traffic.stop()
    assert found.failed == []
    assert set(found.versions) == {"1", "2"}


def test_a_version_that_is_never_ready_gets_no_request(place: Place) -> None:
    """Its pods run, but the old version keeps answering."""
    place.deployment("app", "1")
    place.service("app", "app")
    place.deployment("app", "2-never-ready", wait=False)
    place.eventually(lambda: len(place.pods("Running")) == 2, "the new pod runs")
    assert place.answers(50) == {"1": 50}
    assert sorted(is_ready(pod) for pod in place.pods()) == [False, True]


def test_nobody_answers_where_nothing_is_ready(place: Place) -> None:
    """Without pods, and without any weight, the answer is 503."""
    place.deployment("app", "1", replicas=0)
    place.service("app", "app")
    place.eventually(lambda: place.answers(1) == {"503": 1}, "the host is known")
    place.deployment("app", "1")
    place.eventually(lambda: place.answers(1) == {"1": 1}, "the pod answers")
    routes = [{"destination": {"host": "app"}, "weight": 0}, {"destination": {"host": "app"}, "weight": 0}]
    place.virtual_service({"route": routes})
    place.eventually(lambda: place.answers(1) == {"503": 1}, "no weight, no answer")


def test_tags_make_a_version_fail(place: Place) -> None:
    """The tag `-errors30` fails three requests of ten, exactly."""
    place.deployment("app", "2-errors30")
    place.service("app", "app")
    place.eventually(lambda: place.answers(1) == {"2-errors30": 1}, "the pod answers")
    with Traffic(place.sandbox.ingress_url, f"app.{place.namespace}", rate=200) as traffic:
        wait_for(lambda: traffic.summary().count >= 100, "a hundred answers", 30)
    found = traffic.stop()
    assert found.lost == []
    assert abs(len(found.failed) / found.count - 0.3) < 0.02
    assert sum(second.total() for second in found.per_second()) == found.count


def test_another_namespace_is_another_host(place: Place) -> None:
    """The same Service name in two namespaces leads to two sets of pods."""
    other = Place(place.sandbox)
    for where, version in ((place, "1"), (other, "2")):
        where.deployment("app", version)
        where.service("app", "app")
    place.eventually(lambda: place.answers(5) == {"1": 5} and other.answers(5) == {"2": 5}, "both answer")


def test_pods_tell_their_address(place: Place) -> None:
    """All pods share 127.0.0.1, so an annotation says on which port one listens."""
    place.deployment("app", "1")
    (pod,) = place.sandbox.kube.list(PODS, place.namespace)["items"]
    port = pod["metadata"]["annotations"]["sandbox.serinus.dev/port"]
    answer = urllib3.request("GET", f"http://{pod['status']['podIP']}:{port}/")
    assert answer.headers["x-pod"] == pod["metadata"]["name"]


def test_a_request_that_no_pod_answers_is_lost_with_the_proxys_reason(place: Place) -> None:
    """A Service without pods: each request is counted as lost, and says what Envoy said."""
    place.service("app", "nobody")
    place.eventually(lambda: place.answers(1) == {"503": 1}, "Envoy knows the Service")
    with Traffic(place.sandbox.ingress_url, f"app.{place.namespace}") as traffic:
        wait_for(partial(more_than, traffic, 3), "some requests are over", seconds=30)
    found = traffic.stop()
    assert len(found.lost) == found.count
    assert {(answer.status, answer.error) for answer in found.lost} == {(503, "no healthy upstream")}
