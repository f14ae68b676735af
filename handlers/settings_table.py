"""Which environment variables there are, with defaults and meanings: the tables of docs/settings.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its default as it would be written, and what it is for."""

    name: str
    default: str
    meaning: str


SECTIONS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Canaries": (
        Setting("SERINUS_METRICS_SERVER", "http://prometheus:9090", "Prometheus that answers the built-in metrics."),
        Setting(
            "SERINUS_BUILTIN_QUERIES",
            "exact",
            "`exact`: built-in metrics count each request that was scraped; `flagger`: they are Flagger's queries, "
            "whose `rate()` misses those in the first sample of a series.",
        ),
        Setting("SERINUS_MESH_PROVIDER", "istio", "Mesh or ingress of canaries that have no `spec.provider`."),
        Setting(
            "SERINUS_SELECTOR_LABELS",
            "app,name,app.kubernetes.io/name",
            "Pod labels that can tell a workload's pods from others; the first that a target has is used.",
        ),
        Setting(
            "SERINUS_INCLUDE_LABEL_PREFIX",
            "",
            "Prefixes of the labels that clones keep, separated by commas; `*`: all.",
        ),
        Setting(
            "SERINUS_ENABLE_CONFIG_TRACKING",
            "true",
            "`false`: leave ConfigMaps and Secrets alone; Flagger's `-enable-config-tracking`.",
        ),
        Setting("SERINUS_NAMESPACES", "", "Namespaces to work in, separated by commas; empty: all."),
        Setting(
            "SERINUS_THRESHOLD_COUNTS",
            "consecutive",
            "`consecutive`: a passed check resets the count of failed ones; `total`: it does not, as in Flagger.",
        ),
    ),
    "Who may send": (
        Setting(
            "SERINUS_TOKENS_DIR", "", "Directory with one file per sender, holding its bearer token, or two of them."
        ),
        Setting(
            "SERINUS_NO_AUTH", "false", "`true`: take events from anybody. Excludes the other ways to authenticate."
        ),
        Setting(
            "SERINUS_OIDC_AUDIENCE", "", "Audience that OIDC tokens of senders must have; empty: they are not accepted."
        ),
        Setting(
            "SERINUS_OIDC_SUBJECTS",
            "",
            "Whose OIDC tokens are accepted: `system:serviceaccount:NAMESPACE:NAME`, separated by commas.",
        ),
    ),
    "What webhooks call": (
        Setting(
            "SERINUS_WEBHOOK_TOKENS_DIR",
            "",
            "Directory with one file per host (`host` or `host:port`), holding the bearer token for webhooks whose URL "
            "has exactly that.",
        ),
        Setting(
            "SERINUS_JOB_IMAGES",
            "",
            "Images that a `jobSpec` of `/run-job` may run: prefixes, separated by commas, as `ghcr.io/shop/`; `*`: "
            "any; empty: none, only a `jobTemplate` is run.",
        ),
        Setting("SERINUS_JOB_SERVICE_ACCOUNT", "", "Service account of Jobs that name none; they never get its token."),
        Setting(
            "SERINUS_LOADTEST_TIMEOUT", "1h", "Load tester: longest that a command or a load test may take, as `30m`."
        ),
        Setting("SERINUS_LOADTEST_LIMIT", "8", "Load tester: most commands and load tests in the background at once."),
    ),
    "Who is told": (
        Setting("SERINUS_EVENT_WEBHOOK", "", "URL that gets every event of a canary, as Flagger's `-event-webhook`."),
        Setting("SERINUS_CLUSTER_NAME", "", "Name of the cluster in alerts, as Flagger's `-cluster-name`."),
        Setting("SERINUS_SLACK_URL", "", "Slack's webhook or API, told about canaries that have no `analysis.alerts`."),
        Setting("SERINUS_SLACK_TOKEN", "", "Token for it, when it is `https://slack.com/api/chat.postMessage`."),
        Setting("SERINUS_SLACK_CHANNEL", "general", "Channel there."),
        Setting("SERINUS_SLACK_USER", "flagger", "Name there."),
        Setting("SERINUS_SLACK_PROXY_URL", "", "HTTP proxy on the way there."),
        Setting(
            "SERINUS_MSTEAMS_URL", "", "Microsoft Teams' webhook, told about canaries that have no `analysis.alerts`."
        ),
        Setting("SERINUS_MSTEAMS_PROXY_URL", "", "HTTP proxy on the way there."),
    ),
    "CloudEvents": (
        Setting("K_SINK", "", "URL that gets a CloudEvent for each transition; a SinkBinding of Knative's sets it."),
        Setting(
            "K_CE_OVERRIDES", "", 'Extensions of these, as `{"extensions": {"name": "value"}}`; set like `K_SINK`.'
        ),
        Setting(
            "SERINUS_FAN_OUT",
            "false",
            "`true`: a tick sends `dev.serinus.canary.due` to `K_SINK` for each canary that is due, and steps none "
            "itself.",
        ),
    ),
    "The process": (
        Setting(
            "SERINUS_LOG_FORMAT", "", "Lines of the log: `json` or `text`; empty: text on a terminal, JSON elsewhere."
        ),
        Setting("SERINUS_TIME_SCALE", "1", "Makes time pass that many times faster, for demonstrations."),
    ),
}

SETTINGS: Final = tuple(setting for section in SECTIONS.values() for setting in section)
