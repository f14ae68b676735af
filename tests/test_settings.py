"""Settings are read strictly: a mistake is told at the start, by the name of the variable."""

from datetime import timedelta
from pathlib import Path

import pytest

from handlers.errors import BadSetting
from handlers.notifiers.knative import Sink
from handlers.providers.istio import BuiltinQueries
from handlers.rollout.spec.alerts import Provider
from handlers.settings import Settings, ThresholdCounts
from handlers.settings_table import SETTINGS, Setting

SLACK = Provider(
    type="slack",
    address="https://slack.com/api/chat.postMessage",
    channel="releases",
    username="canary",
    token="xoxb-1",
    proxy="http://user:password@proxy.example:3128",
)
TEAMS = Provider(type="msteams", address="https://teams.example/hook", proxy="http://proxy.example:3128")
SUBJECT = "system:serviceaccount:knative-eventing:tick-oidc-sources.knative.dev-pingsource"


def test_defaults() -> None:
    """No variable has to be set; the defaults are Flagger's where it has the setting (cmd/flagger/main.go)."""
    assert Settings.from_env({"PATH": "/bin"}) == Settings(
        metrics_server="http://prometheus:9090",
        builtin_queries=BuiltinQueries.EXACT,
        mesh_provider="istio",
        selector_labels=("app", "name", "app.kubernetes.io/name"),
        include_label_prefix=(),
        enable_config_tracking=True,
        namespaces=(),
        threshold_counts=ThresholdCounts.CONSECUTIVE,
        tokens_dir=None,
        no_auth=False,
        oidc_audience="",
        oidc_subjects=frozenset(),
        webhook_tokens_dir=None,
        loadtest_timeout=timedelta(hours=1),
        loadtest_limit=8,
        job_images=(),
        job_service_account="",
        log_format="",
        time_scale=1.0,
        event_webhook="",
        cluster_name="",
        messengers=(),
        sink=None,
        fan_out=False,
    )


def test_every_setting() -> None:
    """Every variable arrives in its field; lists may have spaces and a comma too many."""
    environ = {
        "SERINUS_METRICS_SERVER": "https://user:password@prometheus.example:8443/path",
        "SERINUS_BUILTIN_QUERIES": "flagger",
        "SERINUS_MESH_PROVIDER": "gatewayapi:v1",
        "SERINUS_SELECTOR_LABELS": "app, example.com/name,",
        "SERINUS_INCLUDE_LABEL_PREFIX": "team.,app.kubernetes.io/",
        "SERINUS_ENABLE_CONFIG_TRACKING": "false",
        "SERINUS_NAMESPACES": "shop,web",
        "SERINUS_THRESHOLD_COUNTS": "total",
        "SERINUS_TOKENS_DIR": "/etc/serinus/tokens",
        "SERINUS_NO_AUTH": "false",
        "SERINUS_OIDC_AUDIENCE": "serinus",
        "SERINUS_OIDC_SUBJECTS": SUBJECT,
        "SERINUS_WEBHOOK_TOKENS_DIR": "/etc/serinus/webhooks",
        "SERINUS_JOB_IMAGES": "ghcr.io/shop/, migrate",
        "SERINUS_JOB_SERVICE_ACCOUNT": "jobs",
        "SERINUS_LOADTEST_TIMEOUT": "30m",
        "SERINUS_LOADTEST_LIMIT": "4",
        "SERINUS_LOG_FORMAT": "json",
        "SERINUS_TIME_SCALE": "20",
        "SERINUS_EVENT_WEBHOOK": "https://hooks.example/secret",
        "SERINUS_CLUSTER_NAME": "blue",
        "SERINUS_SLACK_URL": "https://slack.com/api/chat.postMessage",
        "SERINUS_SLACK_TOKEN": "xoxb-1",
        "SERINUS_SLACK_CHANNEL": "releases",
        "SERINUS_SLACK_USER": "canary",
        "SERINUS_SLACK_PROXY_URL": "http://user:password@proxy.example:3128",
        "SERINUS_MSTEAMS_URL": "https://teams.example/hook",
        "SERINUS_MSTEAMS_PROXY_URL": "http://proxy.example:3128",
        "SERINUS_FAN_OUT": "true",
        "K_SINK": "http://broker.example/shop",
        "K_CE_OVERRIDES": '{"extensions": {"team": "shop"}}',
    }
    assert environ.keys() == {setting.name for setting in SETTINGS}
    assert Settings.from_env(environ) == Settings(
        metrics_server="https://user:password@prometheus.example:8443/path",
        builtin_queries=BuiltinQueries.FLAGGER,
        mesh_provider="gatewayapi:v1",
        selector_labels=("app", "example.com/name"),
        include_label_prefix=("team.", "app.kubernetes.io/"),
        enable_config_tracking=False,
        namespaces=("shop", "web"),
        threshold_counts=ThresholdCounts.TOTAL,
        tokens_dir=Path("/etc/serinus/tokens"),
        no_auth=False,
        oidc_audience="serinus",
        oidc_subjects=frozenset({SUBJECT}),
        webhook_tokens_dir=Path("/etc/serinus/webhooks"),
        loadtest_timeout=timedelta(minutes=30),
        loadtest_limit=4,
        job_images=("ghcr.io/shop/", "migrate"),
        job_service_account="jobs",
        log_format="json",
        time_scale=20.0,
        event_webhook="https://hooks.example/secret",
        cluster_name="blue",
        messengers=(SLACK, TEAMS),
        sink=Sink(url="http://broker.example/shop", extensions={"team": "shop"}),
        fan_out=True,
    )


def test_urls_are_not_printed() -> None:
    """A Prometheus may have its password in its URL, a webhook is one."""
    settings = Settings.from_env(
        {"SERINUS_METRICS_SERVER": "http://me:hunter2@p:9090", "SERINUS_EVENT_WEBHOOK": "http://h/hunter2"}
    )
    assert "hunter2" not in repr(settings)


def test_an_empty_variable_is_as_good_as_none() -> None:
    """Manifests often set a variable to nothing."""
    assert Settings.from_env(dict.fromkeys((setting.name for setting in SETTINGS), " ")) == Settings.from_env({})


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"SERINUS_METRICS_SERVER": "prometheus:9090"}, r"^SERINUS_METRICS_SERVER: 'prometheus:9090', expected a URL"),
        ({"SERINUS_LOG_FORMAT": "logfmt"}, "^SERINUS_LOG_FORMAT: 'logfmt', expected json or text"),
        ({"SERINUS_METRICS_SERVER": "http://:9090"}, "'http://:9090', expected a URL"),
        ({"SERINUS_METRICS_SERVER": "http://p:port"}, "'http://p:port', expected a URL"),
        ({"SERINUS_METRICS_SERVER": "http://[p"}, "expected a URL"),
        ({"SERINUS_METRICS_SERVER": "http://p q"}, "'http://p q', expected a URL"),
        ({"SERINUS_METRICS_SERVER": "ftp://me:hunter2@p"}, r"\(not shown\), expected a URL"),
        ({"SERINUS_EVENT_WEBHOOK": "hooks.example/hunter2"}, r"^SERINUS_EVENT_WEBHOOK: \(not shown\), expected a URL"),
        ({"SERINUS_SLACK_URL": "hooks.slack.com/hunter2"}, r"^SERINUS_SLACK_URL: \(not shown\), expected a URL"),
        ({"SERINUS_SLACK_TOKEN": "hunter2\nx"}, r"^SERINUS_SLACK_TOKEN: \(not shown\), expected a token"),
        ({"SERINUS_FAN_OUT": "true"}, "^SERINUS_FAN_OUT: 'true', expected K_SINK beside it"),
        ({"K_SINK": "broker/hunter2"}, r"^K_SINK: \(not shown\), expected a URL"),
        ({"K_CE_OVERRIDES": "{"}, "^K_CE_OVERRIDES: '{', expected an object"),
        ({"K_CE_OVERRIDES": "[]"}, "^K_CE_OVERRIDES: .*, expected an object"),
        ({"K_CE_OVERRIDES": '{"extensions": {"type": "x"}}'}, "^K_CE_OVERRIDES: .*, expected an object"),
        ({"K_CE_OVERRIDES": '{"extensions": {"a-b": "x"}}'}, "^K_CE_OVERRIDES: .*, expected an object"),
        ({"K_CE_OVERRIDES": '{"extensions": {"team": 1}}'}, "^K_CE_OVERRIDES: .*, expected an object"),
        ({"SERINUS_MESH_PROVIDER": "Istio!"}, "^SERINUS_MESH_PROVIDER: 'Istio!', expected a provider"),
        ({"SERINUS_SELECTOR_LABELS": "app,a b"}, "^SERINUS_SELECTOR_LABELS: 'a b', expected names of labels"),
        ({"SERINUS_SELECTOR_LABELS": ","}, "^SERINUS_SELECTOR_LABELS: ',', expected names of labels"),
        ({"SERINUS_INCLUDE_LABEL_PREFIX": "-x"}, "^SERINUS_INCLUDE_LABEL_PREFIX: '-x', expected prefixes"),
        ({"SERINUS_NAMESPACES": "shop web"}, "^SERINUS_NAMESPACES: 'shop web', expected names of namespaces"),
        ({"SERINUS_THRESHOLD_COUNTS": "all"}, "^SERINUS_THRESHOLD_COUNTS: 'all', expected consecutive or total"),
        ({"SERINUS_BUILTIN_QUERIES": "rate"}, "^SERINUS_BUILTIN_QUERIES: 'rate', expected exact or flagger"),
        ({"SERINUS_NO_AUTH": "yes"}, "^SERINUS_NO_AUTH: 'yes', expected true or false"),
        ({"SERINUS_TIME_SCALE": "fast"}, "^SERINUS_TIME_SCALE: 'fast', expected a number, 1 or more"),
        ({"SERINUS_TIME_SCALE": "0.5"}, "^SERINUS_TIME_SCALE: '0.5', expected a number"),
        ({"SERINUS_TIME_SCALE": "nan"}, "^SERINUS_TIME_SCALE: 'nan', expected a number"),
        ({"SERINUS_TIME_SCALE": "inf"}, "^SERINUS_TIME_SCALE: 'inf', expected a number"),
        (
            {"SERINUS_OIDC_AUDIENCE": "a", "SERINUS_OIDC_SUBJECTS": "bob"},
            "^SERINUS_OIDC_SUBJECTS: 'bob', expected system:serviceaccount:NAMESPACE:NAME",
        ),
        ({"SERINUS_OIDC_AUDIENCE": "a"}, "^SERINUS_OIDC_AUDIENCE: 'a', SERINUS_OIDC_SUBJECTS: '', expected both"),
        ({"SERINUS_OIDC_SUBJECTS": SUBJECT}, "^SERINUS_OIDC_AUDIENCE: '', .* expected both or neither"),
        ({"SERINUS_NO_AUTH": "true", "SERINUS_TOKENS_DIR": "/t"}, "^SERINUS_NO_AUTH: 'true', expected neither"),
        (
            {"SERINUS_NO_AUTH": "true", "SERINUS_OIDC_AUDIENCE": "a", "SERINUS_OIDC_SUBJECTS": SUBJECT},
            "^SERINUS_NO_AUTH: 'true', expected neither",
        ),
        ({"SERINUS_NAMESPACE": "shop"}, "^SERINUS_NAMESPACE: no such setting, expected SERINUS_NAMESPACES$"),
        ({"SERINUS_QUUX": "hunter2"}, "^SERINUS_QUUX: no such setting, expected one of SERINUS_METRICS_SERVER, "),
    ],
)
def test_bad_settings(environ: dict[str, str], reason: str) -> None:
    """The message names the variable, its value unless that may be a secret, and what was expected."""
    with pytest.raises(BadSetting, match=reason) as caught:
        Settings.from_env(environ)
    assert "hunter2" not in str(caught.value)


def test_service_links_are_no_settings() -> None:
    """Beside a Service named serinus, Kubernetes sets these in every pod; none of them is a typing mistake."""
    links = {
        "SERINUS_SERVICE_HOST": "10.0.0.1",
        "SERINUS_SERVICE_PORT": "80",
        "SERINUS_SERVICE_PORT_HTTP": "80",
        "SERINUS_PORT": "tcp://10.0.0.1:80",
        "SERINUS_PORT_80_TCP": "tcp://10.0.0.1:80",
        "SERINUS_PORT_80_TCP_PROTO": "tcp",
        "SERINUS_PORT_80_TCP_PORT": "80",
        "SERINUS_PORT_80_TCP_ADDR": "10.0.0.1",
        "SERINUS_ALERT_SERVICE_HOST": "10.0.0.2",
        "SERINUS_ALERT_PORT_8080_TCP_ADDR": "10.0.0.2",
    }
    assert Settings.from_env(links) == Settings.from_env({})


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_table_tells_the_truth(setting: Setting) -> None:
    """Setting a variable to its documented default changes nothing, and its meaning is one line."""
    assert Settings.from_env({setting.name: setting.default}) == Settings.from_env({})
    assert setting.meaning.endswith(".")
    assert setting.meaning.isprintable()
