"""Every field of Flagger's resources: what Serinus does with it, and the test that shows it.

`docs/fields.md` shows the same rows; tests hold them to the field list of Flagger's own CRDs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One field, or with `.*` a field and all below it. `test` is a file below `tests/` and a function in it."""

    field: str
    does: str
    test: str

    def covers(self, path: str) -> bool:
        """Whether a path of the list is this field."""
        whole = self.field.removesuffix(".*")
        below = self.field.endswith(".*") and path.startswith((f"{whole}.", f"{whole}["))
        return path in (whole, f"{whole}[]") or below


_SPEC = "rollout/test_canary.py::test_a_field_of_the_spec"
_BAD = "rollout/test_canary.py::test_a_bad_canary_is_named"
_SCALER = "scenarios/test_autoscaled.py::test_a_rollout_with_a_scaler"
_SERVICE = "rollout/test_canary.py::test_a_field_of_the_service"
_ON_RULE = "routers/test_istio_fields.py::test_parts_of_the_service_are_copied_onto_the_rule"
_ANALYSIS = "rollout/test_analysis.py::test_a_field_of_the_analysis"
_WEBHOOK = "rollout/test_analysis.py::test_a_field_of_a_webhook"
_BOUNDS = "rollout/test_analysis.py::test_the_bounds_of_a_metric"
_ASKED = "rollout/test_analysis.py::test_how_a_metric_is_asked"
_DECLARED = "rollout/test_service_metadata.py::test_metadata_is_declared_for_each_service"
_UNMANAGED = "rollout/test_service_metadata.py::test_unmanaged_metadata_is_left_to_others"
_OTHER_MESH = "test_fields.py::test_a_field_for_another_mesh_changes_nothing"
_NOT_ISTIO = "Nothing: it is about another mesh or ingress, and Flagger's Istio router passes it over as well."

TARGET = (
    Row("provider", "`istio`, or nothing for the one of the settings; any other is refused.", _BAD),
    Row("metricsServer", "Is asked instead of the Prometheus of the settings.", _SPEC),
    Row("progressDeadlineSeconds", "How long to wait for pods; enforced as an absolute time.", _SPEC),
    Row("targetRef", "The workload that runs the canary.", _SPEC),
    Row("targetRef.apiVersion", "Taken as written; the kind decides.", _SPEC),
    Row("targetRef.kind", "`Deployment` (also when empty), `DaemonSet` or `Service`; any other is refused.", _BAD),
    Row("autoscalerRef", "What scales the target; the primary gets a copy.", _SCALER),
    Row("autoscalerRef.apiVersion", "Taken as written; the kind decides.", _SCALER),
    Row("autoscalerRef.kind", "`HorizontalPodAutoscaler` or `ScaledObject` (KEDA).", _BAD),
    Row("autoscalerRef.name", "It has to be there before anything begins.", _SCALER),
    Row(
        "autoscalerRef.primaryScalerQueries.*",
        "Stand in for the queries of triggers of that name in the primary's ScaledObject.",
        "rollout/test_autoscalers.py::test_scaled_object_custom_queries",
    ),
    Row(
        "autoscalerRef.primaryScalerReplicas.*",
        "Bounds of the primary's own.",
        "rollout/test_autoscalers.py::test_hpa_reconciler_overrides_replicas",
    ),
    Row("targetRef.name", "At most 55 characters, so that `NAME-primary` is a name.", _BAD),
    Row("ingressRef.*", "The name stands for `{{ ingress }}` in query templates.", _SPEC),
    Row("routeRef.*", "The name stands for `{{ route }}` in query templates.", _SPEC),
    Row("skipAnalysis", "Promotes as soon as the canary is ready; the shift still waits for the primary.", _SPEC),
    Row("revertOnDeletion", "The target gets its pods back, then its traffic, then the Canary goes.", _SPEC),
    Row("suspend", "Stops everything but rollbacks.", _SPEC),
)

SERVICE = (
    Row("service", "Three Services, two DestinationRules, one VirtualService.", _SERVICE),
    Row("service.name", "The apex Service's name; the target's when it is empty.", _SERVICE),
    Row("service.port", "Required.", _SERVICE),
    Row("service.portName", "The port's name, `http` by default.", _SERVICE),
    Row(
        "service.appProtocol",
        "Written to the port; `tcp`: connections are routed.",
        "rollout/test_service_ports.py::test_the_port_is_that_of_the_spec",
    ),
    Row(
        "service.trafficDistribution",
        "Written when a Service is made.",
        "rollout/test_services.py::test_traffic_distribution_is_said",
    ),
    Row(
        "service.targetPort",
        "A number or a name; the port when it is empty.",
        "rollout/test_service_ports.py::test_the_port_is_that_of_the_spec",
    ),
    Row(
        "service.portDiscovery",
        "The containers' other ports come along.",
        "rollout/test_service_ports.py::test_other_ports_are_discovered",
    ),
    Row(
        "service.headless",
        "`clusterIP: None` when a Service is made.",
        "rollout/test_services.py::test_a_headless_service_has_no_address",
    ),
    Row("service.timeout", "Copied onto the HTTP rule.", _ON_RULE),
    Row("service.backendTimeout", _NOT_ISTIO, _OTHER_MESH),
    Row("service.meshName", _NOT_ISTIO, _OTHER_MESH),
    Row("service.backends", _NOT_ISTIO, _OTHER_MESH),
    Row("service.gatewayRefs.*", _NOT_ISTIO, _OTHER_MESH),
    Row(
        "service.hosts",
        "Hosts of the VirtualService; the apex is added when it is not among them ([but](adoption.md)).",
        "routers/test_istio_fields.py::test_the_apex_is_among_the_hosts_once",
    ),
    Row(
        "service.gateways",
        "Gateways of the VirtualService, `mesh` by default.",
        "routers/test_istio_fields.py::test_the_mesh_is_the_default_gateway",
    ),
    Row(
        "service.delegation",
        "No hosts and no gateways: another VirtualService delegates to it.",
        "routers/test_istio_fields.py::test_a_delegate_has_neither_hosts_nor_gateways",
    ),
    Row("service.match.*", "Copied onto the HTTP rule.", _ON_RULE),
    Row("service.mirror.*", "`true`: as `analysis.mirror`; the Gateway API's list is passed over.", _OTHER_MESH),
    Row("service.retries.*", "Copied onto the HTTP rule.", _ON_RULE),
    Row("service.headers.*", "Copied onto the HTTP rule.", _ON_RULE),
    Row("service.corsPolicy.*", "Copied onto the HTTP rule.", _ON_RULE),
    Row(
        "service.rewrite",
        "`uri` and `authority` are copied onto the HTTP rule.",
        "routers/test_istio_fields.py::test_only_istios_part_of_a_rewrite_is_written",
    ),
    Row(
        "service.rewrite.uri", "Copied.", "routers/test_istio_fields.py::test_only_istios_part_of_a_rewrite_is_written"
    ),
    Row(
        "service.rewrite.authority",
        "Copied.",
        "routers/test_istio_fields.py::test_only_istios_part_of_a_rewrite_is_written",
    ),
    Row(
        "service.rewrite.type",
        _NOT_ISTIO,
        "routers/test_istio_fields.py::test_only_istios_part_of_a_rewrite_is_written",
    ),
    Row(
        "service.trafficPolicy.*",
        "Copied to both DestinationRules.",
        "routers/test_istio.py::test_destination_rules_are_those_that_flagger_writes",
    ),
    *(Row(f"service.{side}", f"Metadata of the {side} Service.", _DECLARED) for side in ("apex", "primary", "canary")),
    *(
        Row(f"service.{side}.{part}", "Declared; what is declared no more goes, what others wrote stays.", _DECLARED)
        for side in ("apex", "primary", "canary")
        for part in ("labels", "annotations")
    ),
    Row("service.unmanagedMetadata", "Keys that others may write on the Services.", _UNMANAGED),
    Row("service.unmanagedMetadata.labels", "Left as they are.", _UNMANAGED),
    Row("service.unmanagedMetadata.annotations", "Left as they are.", _UNMANAGED),
)

ANALYSIS = (
    Row("analysis", "Required but with skipAnalysis; `canaryAnalysis` is its older name.", _ANALYSIS),
    Row("analysis.interval", "Time between steps, at least 10 s.", _ANALYSIS),
    Row(
        "analysis.threshold",
        "Failed checks in a row until the rollback; in total by `serinus.dev/threshold-counts`.",
        _ANALYSIS,
    ),
    Row("analysis.maxWeight", "Never overshot, also with stepWeights.", _ANALYSIS),
    Row("analysis.stepWeight", "Percent for each step.", _ANALYSIS),
    Row("analysis.stepWeights", "Weights in turn.", _ANALYSIS),
    Row(
        "analysis.stepWeightPromotion",
        "Percent for each step back to the primary.",
        "rollout/test_weights.py::test_promotion_steps_go_down_to_zero",
    ),
    Row(
        "analysis.iterations",
        "Alone blue/green, with match A/B testing; excludes weights.",
        "rollout/test_iterations.py::test_blue_green_counts_then_switches_then_promotes",
    ),
    Row(
        "analysis.match.*",
        "A/B testing: requests that go to the canary; combined with `service.match`.",
        "routers/test_istio_rules.py::test_match",
    ),
    Row(
        "analysis.mirror",
        "A step, or all iterations, of copied requests; `service.mirror: true` says the same.",
        "rollout/test_iterations.py::test_mirroring_comes_before_the_first_weight",
    ),
    Row(
        "analysis.mirrorWeight",
        "Percent of the requests that are copied.",
        "routers/test_istio_rules.py::test_set_routes_mirror",
    ),
    Row(
        "analysis.sessionAffinity.*",
        "Cookies that keep a session on its side; what no Set-Cookie may hold is refused.",
        "routers/test_istio_rules.py::test_session_affinity",
    ),
    Row("analysis.primaryReadyThreshold", "Percent of the primary's pods that must be ready.", _ANALYSIS),
    Row("analysis.canaryReadyThreshold", "Percent of the canary's pods that must be ready.", _ANALYSIS),
    Row("analysis.metrics", "Asked together at each step but the first.", _ASKED),
    Row("analysis.metrics[].name", "`request-success-rate`, `request-duration`, or your own with a query.", _ASKED),
    Row(
        "analysis.metrics[].interval",
        "The range of the query, `1m` by default.",
        "rollout/test_analysis.py::test_a_metric_has_a_window_and_variables",
    ),
    Row("analysis.metrics[].threshold", "The older form of one bound.", _BOUNDS),
    Row("analysis.metrics[].thresholdRange", "Both bounds are inclusive.", _BOUNDS),
    Row("analysis.metrics[].thresholdRange.min", "Values below fail.", _BOUNDS),
    Row("analysis.metrics[].thresholdRange.max", "Values above fail.", _BOUNDS),
    Row("analysis.metrics[].query", "PromQL, with the variables of a template.", _ASKED),
    Row("analysis.metrics[].templateRef.*", "A MetricTemplate, in any namespace.", _ASKED),
    Row(
        "analysis.metrics[].templateVariables",
        "Stand for `{{ variables.NAME }}`.",
        "rollout/test_analysis.py::test_a_metric_has_a_window_and_variables",
    ),
    Row("analysis.webhooks", "Asked in order.", _WEBHOOK),
    *(
        Row(f"analysis.webhooks[].{name}", does, _WEBHOOK)
        for name, does in (
            ("name", "Names it in Events and history."),
            ("type", "All eight of Flagger's; `rollout` by default."),
            ("url", "http or https."),
            ("timeout", "For the whole exchange, 10 s by default."),
            ("retries", "After no answer, 429 and 5xx."),
            ("disableTLS", "The certificate is not checked."),
            ("metadata", "Sent along."),
        )
    ),
)

MORE = (
    Row("upstreamRef.*", _NOT_ISTIO, _SPEC),
    Row(
        "analysis.alerts.*",
        "Who is told about transitions, and how grave they must be.",
        "scenarios/test_alerts.py::test_severities",
    ),
    Row(
        "analysis.webhooks[].muteAlert",
        "Messengers are not told that a gate waits.",
        "scenarios/test_alerts.py::test_a_closed_gate_is_told_once",
    ),
)

_TEMPLATE = "providers/test_prometheus_provider.py::test_a_plain_template_names_a_server"
_MISTAKES = "providers/test_prometheus_provider.py::test_mistakes_are_named"
_CREDENTIALS = "providers/test_prometheus_provider.py::test_credentials_become_a_header"

METRIC_TEMPLATE = (
    Row("provider", "Whom to ask.", _TEMPLATE),
    Row("provider.type", "`prometheus`; any other is refused.", _MISTAKES),
    Row("provider.address", "http or https.", _TEMPLATE),
    Row("provider.headers", "Sent along.", _TEMPLATE),
    Row("provider.secretRef.*", "Basic or bearer credentials.", _CREDENTIALS),
    Row("provider.region", "Nothing: it is about CloudWatch.", _MISTAKES),
    Row(
        "provider.insecureSkipVerify",
        "The certificate is not checked.",
        "providers/test_prometheus_provider.py::test_insecure_skip_verify",
    ),
    Row(
        "query",
        "PromQL with Flagger's variables.",
        "providers/test_query_template.py::test_what_flagger_renders_is_rendered",
    ),
)

ALERT_PROVIDER = (
    Row(
        "type",
        "`slack`, `msteams`, `discord`, `rocket`, `gchat`.",
        "notifiers/test_messengers.py::test_secrets_are_not_printed",
    ),
    Row("channel", "Where; `general` by default.", "notifiers/test_messengers.py::test_slack_by_its_api"),
    Row("username", "As whom; `flagger` by default.", "notifiers/test_messengers.py::test_slack_by_its_api"),
    Row("address", "http or https.", "scenarios/test_alert_providers.py::test_a_provider_that_is_wrong"),
    Row("proxy", "HTTP proxy on the way there.", "scenarios/test_alerts.py::test_messengers_of_the_settings"),
    Row(
        "secretRef.*",
        "Secret with `address` and `token`, either or both.",
        "scenarios/test_alerts.py::test_scheduler_alerts",
    ),
)

FIELDS: Mapping[str, Sequence[Row]] = {
    "Canary": TARGET + SERVICE + ANALYSIS + MORE,
    "MetricTemplate": METRIC_TEMPLATE,
    "AlertProvider": ALERT_PROVIDER,
}
