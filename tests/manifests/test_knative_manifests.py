"""What the manifests name is what the code has: paths, event types, settings, options."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from flask import Flask

from handlers.adapters.http import HttpClient
from handlers.app import routed
from handlers.auth import Authenticator
from handlers.cli import parser
from handlers.commands.tick import Sender, send
from handlers.events import cloudevent
from handlers.events.event import ALERT, CANARY_DUE, EVENTS, PING, SYNCED, TICK
from handlers.settings import PREFIX, Settings
from handlers.settings_table import SETTINGS
from handlers.wiring import Wiring
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Serve
from tests.apps import NoReview
from tests.fakes import Clock
from tests.lab import new_lab
from tests.manifests.files import ALERTMANAGER, KNATIVE, containers, documents, inside, objects, paths, run

HOST = "serinus.serinus.svc.cluster.local"
MINUTE = 60
HANDLERS = [item for item in containers() if item["name"] == "handlers"]

serve = pytest.fixture(loopback.serve)


def environ(container: dict[str, Any]) -> dict[str, str]:
    """The environment of a container."""
    return {item["name"]: item["value"] for item in container.get("env", ())}


def knative_service(name: str) -> dict[str, Any]:
    """A Knative Service, by name."""
    services = [item for item in objects("Service") if item["apiVersion"] == "serving.knative.dev/v1"]
    (found,) = (item for item in services if item["metadata"]["name"] == name)
    return found


def texts(node: object) -> Iterator[str]:
    """Every string in a document."""
    for mapping in inside(node):
        for value in mapping.values():
            yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))


def urls() -> Iterator[str]:
    """Every URL of the handlers in the manifests and in Alertmanager's configuration."""
    for path in [*paths(), *ALERTMANAGER.glob("*.yml")]:
        for text in texts(documents(path)):
            yield from (word.partition("url: ")[2] or word.split("=")[-1] for word in text.splitlines() if HOST in word)


def served() -> Flask:
    """The app, with all its paths."""
    settings = Settings.from_env({"SERINUS_NO_AUTH": "true"})
    lab = new_lab()
    return routed(settings, Wiring(lambda: lab.world), Authenticator(settings, NoReview(), lambda: 0.0))


def test_urls_are_served() -> None:
    """Senders post to paths that the app answers."""
    app = served()
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    gets = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    handlers = [item for item in objects() if item["metadata"]["name"] == "serinus"]
    probed = {node["httpGet"]["path"] for item in handlers for node in inside(item) if "httpGet" in node}
    assert {"/", "/alertmanager"} <= {urlsplit(url).path for url in urls()} <= posts
    assert {urlsplit(url).netloc for url in urls()} == {HOST}
    assert probed == {"/healthz/live", "/healthz/ready", "/healthz/started"} <= gets


def test_triggers_are_for_events_that_are_heard() -> None:
    """There is one Trigger for each type that can come over a Broker, and none for another."""
    types = [item["spec"]["filter"]["attributes"]["type"] for item in objects("Trigger")]
    assert sorted(types) == sorted(EVENTS - {TICK})  # sent by cron, which needs no Broker


def test_ticks_are_not_retried_into_the_next() -> None:
    """A tick is repeated once and soon, a sync and an alert until they are through."""
    deliveries = {item["spec"]["filter"]["attributes"]["type"]: item["spec"]["delivery"] for item in objects("Trigger")}
    for kind in (PING, CANARY_DUE):
        assert deliveries[kind]["retry"] == 1
        assert deliveries[kind]["timeout"] == "PT25S"
        assert "deadLetterSink" not in deliveries[kind]
    for kind in (SYNCED, ALERT):
        assert deliveries[kind]["retry"] == 10
        assert deliveries[kind]["backoffPolicy"] == "exponential"


def test_what_is_given_up_is_recorded() -> None:
    """Dead letters go to a Service that is there, on a path that it serves, with a token that it takes."""
    sinks = [found for item in objects("Trigger") if (found := item["spec"]["delivery"].get("deadLetterSink"))]
    assert len(sinks) == 2
    for sink in sinks:
        knative_service(sink["ref"]["name"])
        assert sink["uri"] in {rule.rule for rule in served().url_map.iter_rules() if "POST" in (rule.methods or ())}
        assert sink["audience"] == environ(HANDLERS[-1])["SERINUS_OIDC_AUDIENCE"]


@pytest.mark.parametrize("container", HANDLERS, ids=["cron", "knative"])
def test_settings_are_accepted(container: dict[str, Any]) -> None:
    """The handlers start with the environment that they get, and no variable is made up."""
    env = environ(container)
    assert {name for name in env if name.startswith(PREFIX)} <= {setting.name for setting in SETTINGS}
    settings = Settings.from_env(env)
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(settings.tokens_dir) in mounts
    assert not settings.no_auth


def test_triggers_are_known_by_their_service_accounts() -> None:
    """OIDC tokens of all Triggers are accepted, by the names that Knative gives to their accounts, and no others.

    Source: knative/eventing, pkg/auth/serviceaccount.go; a name over 63 characters would be cut and hashed.
    """
    (settings,) = (env for item in HANDLERS if (env := Settings.from_env(environ(item))).oidc_audience)
    accounts = [f"{item['metadata']['name']}-oidc-eventing.knative.dev-trigger" for item in objects("Trigger")]
    assert settings.oidc_subjects == {f"system:serviceaccount:serinus:{account}" for account in accounts}
    assert max(map(len, accounts)) <= 63
    assert {item["spec"]["subscriber"]["audience"] for item in objects("Trigger")} == {settings.oidc_audience}


def test_containers_are_locked_down() -> None:
    """No container of ours runs as root, gains rights or writes to its root file system; none has its CPU limited."""
    for document in objects():
        for node in inside(document):
            for container in node.get("containers") or ():
                if not container["image"].startswith("serinus"):
                    continue  # an app or a migration that stands for the reader's own
                context = {**node.get("securityContext", {}), **container["securityContext"]}
                assert context["runAsNonRoot"]
                assert context["runAsUser"] > 0
                assert context["readOnlyRootFilesystem"]
                assert context["allowPrivilegeEscalation"] is False
                assert context["capabilities"] == {"drop": ["ALL"]}
                assert context["seccompProfile"] == {"type": "RuntimeDefault"}
                assert "cpu" not in container["resources"]["limits"]


def test_the_handlers_are_never_cold() -> None:
    """An alert does not wait for a start, and one pod is given no more requests than it has threads."""
    template = knative_service("serinus")["spec"]["template"]
    assert template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] == "1"
    assert template["spec"]["containerConcurrency"] == 8


def test_references_are_to_what_is_there() -> None:
    """A sink, a subscriber, a subject and an EventPolicy name an object of ours that exists."""
    there = {(item["apiVersion"], item["kind"], item["metadata"]["name"]) for item in objects()}
    kinds = ("Trigger", "PingSource", "SinkBinding", "EventTransform", "EventPolicy")
    nodes = [node for kind in kinds for item in objects(kind) for node in inside(item["spec"])]
    named = {
        (node["apiVersion"], node["kind"], node["name"]) for node in nodes if {"apiVersion", "name"} <= node.keys()
    }
    assert len(named) == 3
    assert named <= there


def test_ticks_come_every_ten_seconds() -> None:
    """As often as the shortest interval that a Canary may have; six fields, for the first are seconds."""
    (source,) = objects("PingSource")
    assert source["spec"]["schedule"] == "*/10 * * * * *"


def test_network_policies_are_about_pods_that_are_there() -> None:
    """Whom a policy selects is said by a label that one of our pods has, or that Knative gives to its pods."""
    ours = {
        labels["app.kubernetes.io/name"]
        for item in objects()
        for node in inside(item)
        if "spec" in node
        and (labels := (node.get("metadata") or {}).get("labels") or {}).keys() & {"app.kubernetes.io/name"}
    }
    for policy in objects("NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        label = (selector.get("matchLabels") or {}).get("app.kubernetes.io/name")
        assert label in ours or not selector or "knative.dev/" in str(selector)


def test_nobody_talks_but_who_is_let() -> None:
    """In the namespace of the handlers, pods that no other policy names may neither be asked nor ask."""
    (default,) = (item for item in objects("NetworkPolicy") if item["metadata"]["name"] == "default-deny")
    assert default["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_kafka_broker_spreads_what_is_due() -> None:
    """There a tick tells the broker of each canary, whose events come in their order; alerts wait for nothing."""
    built = {
        (item["kind"], item["metadata"]["name"]): item
        for item in yaml.safe_load_all(run("kubectl", "kustomize", KNATIVE / "kafka"))
        if item["apiVersion"] != "v1"
    }
    (container,) = built["Service", "serinus"]["spec"]["template"]["spec"]["containers"]
    settings = Settings.from_env({**environ(container), "K_SINK": "http://broker"})
    order = {name: item["metadata"].get("annotations") for (kind, name), item in built.items() if kind == "Trigger"}
    assert settings.fan_out
    assert order == {
        "serinus-tick": None,
        "serinus-due": {"kafka.eventing.knative.dev/delivery.order": "ordered"},
        "serinus-synced": None,
        "serinus-alert": None,
    }
    assert built["Broker", "serinus"]["metadata"]["annotations"] == {"eventing.knative.dev/broker.class": "Kafka"}


def test_the_cron_job_sends_ticks(tmp_path: Path, serve: Serve) -> None:
    """The command of the CronJob is one that the command line has: ticks with its own token, as many as on Knative."""
    (job,) = (item for item in containers() if item["name"] == "tick")
    handlers, clock = serve(lambda _: Answer(status=204)), Clock()
    sender = Sender(http=HttpClient(), now=lambda: clock().timestamp(), sleep=clock.tick, complain=print)
    (tmp_path / "cron").write_text("a-token-of-the-tests\n")
    command = [*job["command"], *job["args"]]
    places = {f"http://{HOST}": handlers.url, job["volumeMounts"][0]["mountPath"]: str(tmp_path)}
    args = [reduce(lambda text, place: text.replace(*place), places.items(), part) for part in command[1:]]
    assert command[0] == "serinus"
    assert send(parser().parse_args(args), sender) == 0
    heard = [(asked.path, cloudevent.read(asked.headers, asked.body).type) for asked in handlers.asked]
    assert heard == [("/", TICK)] * 6
    assert {asked.headers["authorization"] for asked in handlers.asked} == {"Bearer a-token-of-the-tests"}


def test_one_clock_at_a_time() -> None:
    """A clock ends by itself within its minute, is ended soon after it, and its place is then taken at once."""
    (clock,) = (item for item in objects("CronJob") if item["metadata"]["name"] == "serinus-ticks")
    (container,) = (item for item in containers() if item["name"] == "tick")
    arguments = parser().parse_args(["tick", *container["args"]])
    ends = clock["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert clock["spec"]["schedule"] == "* * * * *"
    assert clock["spec"]["concurrencyPolicy"] == "Forbid"
    assert arguments.lasting.total_seconds() < MINUTE < ends < MINUTE + clock["spec"]["startingDeadlineSeconds"]
