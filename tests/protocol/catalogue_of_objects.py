"""Edits of the target, of what others have in the namespace, and of what we write ourselves."""

from handlers.rollout.objects import (
    CONFIG_MAP,
    DESTINATION_RULE,
    HPA,
    STATEFUL_SET,
    VIRTUAL_SERVICE,
)
from tests.protocol.edits import (
    LABELS,
    Edit,
    again,
    both,
    changed,
    gone,
    on_primary,
    primary_gone,
    remade,
    selector_labels,
    target,
    target_gone,
    template,
    workload,
)

_KEPT = ("selector", "replicas")
"""A primary keeps the selector that it was made with, for no selector can be changed; and a target its pods."""
_DAEMONS = frozenset({"daemons"})
_SCALED = frozenset({"scaled"})
_FAILED = frozenset({"failed"})
"""What a failed version is given is for looking at it, and it must not become the primary."""

OF_THE_TARGET = (
    Edit("push", "a newer version", template("app:v3")),
    Edit("push-back", "back to the first version", template("app:v1")),
    Edit("pod-label", "another label of its pods", template("app:v3", meta={"labels": {"release": "3"}})),
    Edit("pod-annotation", "a restart", template(meta={"annotations": {"restarted": "now"}})),
    Edit("env", "another variable", template(env=[{"name": "A", "value": "b"}])),
    Edit(
        "recreate",
        "another strategy",
        target(strategy={"type": "Recreate", "rollingUpdate": None}),
        without=_DAEMONS,
        once=("strategy",),
    ),
    Edit("replicas", "more pods", target(replicas=3), without=_DAEMONS | _FAILED | _SCALED),
    Edit(
        "replicas-and-push",
        "more pods for a newer version",
        both(target(replicas=3), template("app:v3")),
        without=_DAEMONS | _SCALED,
    ),
    Edit("replicas-none", "no pods", target(replicas=0), without=_DAEMONS, once=("replicas",)),
    Edit("remade", "deleted and made again", remade(), once=("replicas",)),
    Edit("remade-otherwise", "made again with another version", remade(image="app:v3")),
    Edit("selector", "made again with another selector", remade(LABELS), once=_KEPT),
    Edit("selector-and-image", "made again with another selector and version", remade(LABELS, "app:v3"), once=_KEPT),
    Edit("selector-wider", "made again with one label more", remade({"app": "app", "tier": "web"}), once=_KEPT),
    Edit("selector-other-value", "made again with another value", remade({"app": "app-web"}), once=_KEPT),
    Edit("target-deleted", "deleted for a while", target_gone, undone=True, once=("replicas",)),
    Edit("min-ready", "pods take longer", target(minReadySeconds=5), once=("minReadySeconds",)),
)

OF_OTHERS = (
    Edit(
        "primary-replicas",
        "scaled by hand",
        on_primary({"spec": {"replicas": 3}}),
        ours=True,
        without=_DAEMONS,
        once=("replicas",),
    ),
    Edit(
        "primary-stopped",
        "scaled to nothing by hand",
        on_primary({"spec": {"replicas": 0}}),
        ours=True,
        without=_DAEMONS,
    ),
    Edit(
        "primary-metadata-edit",
        "labels by a policy tool",
        on_primary({"metadata": {"labels": {"team": "shop"}}}),
        ours=True,
        once=("labels",),
    ),
    Edit("primary-deleted", "a GitOps prune", primary_gone, ours=True, without=_FAILED, slow=True),
    Edit(
        "destination-rule-edited",
        "an old manifest",
        changed(DESTINATION_RULE, "app-canary", {"spec": {"host": "other"}}),
        ours=True,
    ),
    Edit("destination-rule-deleted", "a GitOps prune", gone(DESTINATION_RULE, "app-primary"), ours=True),
    Edit(
        "destination-rule-made-again", "a backup", again(DESTINATION_RULE, "app-primary"), ours=True, once=("owners",)
    ),
    Edit(
        "primary-scaler-edited",
        "by hand",
        changed(HPA, "app-primary", {"spec": {"maxReplicas": 9}}),
        ours=True,
        needs="scaled",
    ),
    Edit("primary-scaler-deleted", "a GitOps prune", gone(HPA, "app-primary"), ours=True, needs="scaled"),
    Edit(
        "scaler-edited",
        "more pods",
        changed(HPA, "app", {"spec": {"minReplicas": 3, "maxReplicas": 6}}),
        needs="scaled",
    ),
    Edit("config", "a new value", changed(CONFIG_MAP, "app-config", {"data": {"k": "b"}}), needs="configured"),
    Edit(
        "config-copy-edited",
        "by hand",
        changed(CONFIG_MAP, "app-config-primary", {"data": {"k": "x"}}),
        ours=True,
        needs="configured",
    ),
    Edit(
        "config-copy-deleted", "a GitOps prune", gone(CONFIG_MAP, "app-config-primary"), ours=True, needs="configured"
    ),
    Edit(
        "overlapping",
        "another Deployment has all labels of the target",
        workload("worker", {"app": "app", "role": "worker"}),
    ),
    Edit(
        "overlapping-primary",
        "another one has those of the primary",
        workload("worker", {"app": "app-primary", "role": "worker"}),
    ),
    Edit(
        "overlapping-set",
        "a StatefulSet has them",
        workload("worker", {"app": "app", "role": "worker"}, kind=STATEFUL_SET),
        undone=True,
        without=frozenset({"run"}),
    ),
    Edit(
        "overlapping-for-a-while",
        "another Deployment comes and goes",
        workload("worker", {"app": "app", "role": "worker"}),
        undone=True,
    ),
    Edit("neighbour", "another Deployment, with labels of its own", workload("worker", {"app": "worker"})),
    Edit("setting-selector-labels", "another setting", selector_labels("name", "app")),
    Edit(
        "setting-selector-label-other",
        "a setting that names no label of the target: what is there decides",
        selector_labels("tier"),
        ours=True,
        without=frozenset({"boot"}),
    ),
    Edit(
        "adopted-port-added",
        "the owner of an adopted Service adds a port",
        changed(VIRTUAL_SERVICE, "app", {"spec": {"hosts": ["app", "shop.example.com", "app.example.com"]}}),
        needs="adopted",
    ),
)
