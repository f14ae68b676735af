"""The edits of the edit sweep: all that people change about a canary while it is at rest or in the middle of a run."""

from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, HPA
from tests.protocol.catalogue_of_objects import OF_OTHERS, OF_THE_TARGET
from tests.protocol.edits import (
    Edit,
    analysis,
    both,
    canary,
    gone,
    ports,
    routes,
    scaler,
    service,
    services,
    target_gone,
    template,
    workload,
)

_META = {"labels": {"team": "shop"}, "annotations": {"note": "here"}}
_DAEMONS = frozenset({"daemons"})
_ADOPTED = frozenset({"adopted"})
_COUNTED = frozenset({"ab", "iterated"})
_GAP = frozenset({"recreated"})
"""Whose primary has no pods for a while: clients whom no route leads have nobody meanwhile."""
_REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app2"}
_NEW = workload("app2", {"app": "app2"}, "app:v1")
_SAME = {"app": "app"}
"""The labels of the target that is there."""
_GREEN = {"stepWeight": None, "maxWeight": None, "iterations": 2}
_HEADER = [{"headers": {"x-canary": {"exact": "friend"}}}]
_CORS = {"allowOrigins": [{"exact": "https://example.com"}]}

OF_THE_SERVICE = (
    Edit("port", "clients call another port", service(port=8000)),
    Edit("port-name", "a mesh reads protocols from it", service(portName="http-web")),
    Edit("app-protocol-http", "written to the port", service(appProtocol="http")),
    Edit("app-protocol-tcp", "connections instead of requests", service(appProtocol="tcp"), without=_ADOPTED),
    Edit("target-port-name", "another word for the same port", service(targetPort="web")),
    Edit("target-port-other", "another port that is listened on", service(targetPort=8081), without=_ADOPTED),
    Edit(
        "target-port-and-image",
        "one sync brings a version that listens elsewhere, and the Canary that says so",
        both(service(targetPort=9090), template("app:v3", ports=ports(9090))),
        without=_ADOPTED,
    ),
    Edit(
        "named-port-and-image",
        "the name stays, the number behind it does not",
        both(service(targetPort="web"), template("app:v3", ports=ports(9090))),
    ),
    Edit("port-discovery", "other ports come along", service(portDiscovery=True)),
    Edit("timeout", "copied onto the rule", service(timeout="5s"), without=_ADOPTED),
    Edit("retries", "copied onto the rule", service(retries={"attempts": 2})),
    Edit("headers", "copied onto the rule", service(headers={"request": {"add": {"x-a": "b"}}})),
    Edit("match", "copied onto the rule", service(match=[{"uri": {"prefix": "/"}}]), without=_ADOPTED),
    Edit("rewrite", "copied onto the rule", service(rewrite={"uri": "/"})),
    Edit("cors", "copied onto the rule", service(corsPolicy=_CORS)),
    Edit("hosts", "clients from outside", service(hosts=["app.example.com"])),
    Edit("gateways", "a gateway beside the mesh", service(gateways=["public", "mesh"])),
    Edit("gateway-only", "calls in the mesh go by the Service", service(gateways=["public"]), without=_ADOPTED | _GAP),
    Edit("delegation", "another VirtualService leads here", service(delegation=True), without=_GAP),
    Edit("traffic-policy", "copied to the DestinationRules", service(trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})),
    Edit("apex-metadata", "declared", service(apex=_META), without=_ADOPTED),
    Edit("primary-metadata", "declared", service(primary=_META)),
    Edit("canary-metadata", "declared", service(canary=_META)),
    Edit("unmanaged", "left to others", service(unmanagedMetadata={"labels": ["team"]})),
    Edit("headless", "said when a Service is made", service(headless=True), once=("clusterIP", "clusterIPs")),
    Edit(
        "traffic-distribution",
        "said when a Service is made",
        service(trafficDistribution="PreferClose"),
        once=("trafficDistribution",),
    ),
    Edit("service-mirror", "as analysis.mirror", service(mirror=True)),
)

OF_THE_ANALYSIS = (
    Edit("interval", "steps come less often", analysis(interval="20s")),
    Edit("affinity-wrong", "refused, and nothing stops serving", analysis(sessionAffinity={"cookieName": "a;b"})),
    Edit("threshold", "fewer failures", analysis(threshold=1)),
    Edit(
        "max-weight-less",
        "the canary may have more than is allowed now",
        analysis(maxWeight=30),
        without=frozenset({"ab", "iterated"}),
    ),
    Edit("max-weight-more", "there is further to go", analysis(maxWeight=100), without=_COUNTED),
    Edit("step-weight", "smaller steps", analysis(stepWeight=10), without=_COUNTED),
    Edit(
        "step-weights",
        "a list instead of one number",
        analysis(stepWeight=None, stepWeights=[5, 30]),
        without=frozenset({"ab", "iterated"}),
    ),
    Edit("step-weight-promotion", "the way back gets slower", analysis(stepWeightPromotion=20)),
    Edit("iterations", "blue/green from now on", analysis(**_GREEN)),
    Edit("ab", "A/B from now on", analysis(**_GREEN, match=_HEADER)),
    Edit("ab-match", "the header of testers changes", analysis(match=_HEADER), needs="ab"),
    Edit("ab-no-match", "no testers any more", analysis(match=None), needs="ab"),
    Edit("weights", "weights from now on", analysis(iterations=None, match=None, stepWeight=20, maxWeight=60)),
    Edit("mirror", "copies of requests", analysis(mirror=True)),
    Edit("mirror-off", "no copies any more", analysis(mirror=False)),
    Edit("mirror-weight", "fewer copies", analysis(mirror=True, mirrorWeight=10)),
    Edit(
        "affinity",
        "cookies from now on",
        analysis(sessionAffinity={"cookieName": "seen"}),
        without=frozenset({"ab", "iterated"}),
    ),
    Edit("affinity-off", "no cookies any more", analysis(sessionAffinity=None)),
    Edit("ready-thresholds", "half of the pods will do", analysis(primaryReadyThreshold=50, canaryReadyThreshold=50)),
    Edit("no-metrics", "nothing is asked", analysis(metrics=[])),
    Edit("metrics", "another limit", analysis(metrics=[{"name": "request-duration", "thresholdRange": {"max": 900}}])),
    Edit("webhooks", "somebody is told", analysis(webhooks=[{"name": "n", "type": "event", "url": "http://h.test/"}])),
)

OF_THE_CANARY = (
    Edit("skip-analysis", "promoted at once", canary(skipAnalysis=True)),
    Edit("suspend", "stopped for a while", canary(suspend=True), undone=True),
    Edit("revert-on-deletion", "nothing yet", canary(revertOnDeletion=True)),
    Edit("progress-deadline", "less patience", canary(progressDeadlineSeconds=60)),
    Edit("provider", "refused, and nothing stops serving", canary(provider="linkerd")),
    *(
        Edit(f"{name}-wrong", "refused, and nothing stops serving", edit, undone=True)
        for name, edit in (
            ("metrics-server", canary(metricsServer="no address")),
            ("progress-deadline", canary(progressDeadlineSeconds=-1)),
            ("target-name", canary(targetRef={"name": "Not_A_Name"})),
            ("service-name", service(name="Not_A_Name")),
            ("service-port", service(port=99999)),
            ("service-delegation", service(delegation=True, hosts=["app.example.com"])),
        )
    ),
    Edit("metrics-server", "another Prometheus", canary(metricsServer="http://other:9090")),
    Edit(
        "ingress-ref",
        "a word for templates",
        canary(ingressRef={"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "app"}),
    ),
    Edit("service-name", "clients call another name", service(name="shop"), without=_ADOPTED | _GAP),
    Edit("service-named", "the same name, said", service(name="app")),
    Edit(
        "target-name",
        "another Deployment, and so another Service",
        both(_NEW, canary(targetRef=_REF)),
        without=_DAEMONS,
    ),
    Edit(
        "target-name-only",
        "another Deployment, the Service stays",
        both(_NEW, canary(targetRef=_REF, service={"name": "app"})),
        without=_DAEMONS,
    ),
    Edit(
        "target-name-missing",
        "a Deployment that is not there",
        canary(targetRef=_REF, service={"name": "app"}),
        undone=True,
        without=_DAEMONS,
    ),
    Edit(
        "target-name-later",
        "the Canary comes before its Deployment",
        canary(targetRef=_REF, service={"name": "app"}),
        then=_NEW,
        without=_DAEMONS,
    ),
    Edit(
        "target-name-overlapping",
        "the new Deployment has the labels of the old",
        both(workload("app2", {"app": "app", "v": "2"}, "app:v1"), canary(targetRef=_REF, service={"name": "app"})),
        without=_DAEMONS,
    ),
    Edit(
        "target-kind",
        "a DaemonSet instead of a Deployment",
        both(
            workload("app", {"app": "daemon"}, "app:v1", DAEMONSET),
            canary(targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}),
        ),
        without=frozenset({"daemons", "scaled"}),
    ),
    Edit(
        "target-renamed",
        "a chart gives its Deployment another name, and the pods their labels of before",
        both(target_gone, workload("app2", _SAME, "app:v1"), canary(targetRef=_REF, service={"name": "app"})),
        without=_DAEMONS,
    ),
    Edit(
        "target-renamed-other-port",
        "and its pods listen elsewhere",
        both(
            target_gone,
            workload("app2", _SAME, "app:v3", number=9090),
            canary(targetRef=_REF, service={"name": "app", "targetPort": 9090}),
        ),
        without=_DAEMONS,
    ),
    Edit(
        "target-renamed-and-service",
        "and clients call another name",
        both(target_gone, workload("app2", _SAME, "app:v1"), canary(targetRef=_REF, service={"name": "shop"})),
        without=_DAEMONS | _ADOPTED,
    ),
    Edit(
        "target-renamed-and-back",
        "the chart is taken back while traffic moves",
        both(workload("app2", _SAME, "app:v1"), canary(targetRef=_REF, service={"name": "app"})),
        then=both(gone(DEPLOYMENT, "app2"), canary(targetRef={**_REF, "name": "app"})),
        without=_DAEMONS,
    ),
    Edit(
        "target-kind-same-labels",
        "a Deployment instead of a DaemonSet, with the labels of before",
        both(
            target_gone,
            workload("app", _SAME, "app:v1"),
            canary(targetRef={**_REF, "name": "app"}),
        ),
        needs="daemons",
    ),
    Edit(
        "target-kind-service",
        "refused: nobody can move there",
        canary(targetRef={"apiVersion": "v1", "kind": "Service", "name": "app"}),
        undone=True,
    ),
    Edit("scaler-name", "another scaler", both(scaler("app2"), canary(autoscalerRef={"name": "app2"})), needs="scaled"),
    Edit(
        "scaler-missing",
        "a scaler that is not there yet",
        canary(autoscalerRef={"name": "no"}),
        undone=True,
        needs="scaled",
    ),
    Edit(
        "scaler-added",
        "a scaler from now on",
        both(scaler("app"), canary(autoscalerRef={"apiVersion": "autoscaling/v2", "kind": HPA.name, "name": "app"})),
        without=frozenset({"scaled", "daemons"}),
    ),
    Edit("scaler-removed", "no scaler any more", both(canary(autoscalerRef=None), gone(HPA, "app")), needs="scaled"),
    Edit(
        "scaler-bounds",
        "the primary's own bounds",
        canary(autoscalerRef={"primaryScalerReplicas": {"minReplicas": 3}}),
        needs="scaled",
    ),
)

EDITS = (
    *OF_THE_SERVICE,
    *OF_THE_ANALYSIS,
    *OF_THE_CANARY,
    *OF_THE_TARGET,
    *OF_OTHERS,
    *services(),
    *routes(),
)
