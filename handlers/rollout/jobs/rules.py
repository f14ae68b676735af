"""What the pods of a Job may ask for: lists of what is allowed, so that what Kubernetes adds one day is not."""

from dataclasses import dataclass

from handlers.errors import BadCanary
from handlers.rollout.spec.fields import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who wrote a Job decides on what it may have: the fields that are taken over, by where they stand.

    `images`: prefixes of the images that it may run; None: any. `account`: the service account where none is named.
    """

    job: frozenset[str]
    pod: frozenset[str]
    volumes: frozenset[str]
    env: frozenset[str]
    env_from: frozenset[str]
    images: tuple[str, ...] | None
    labels: bool
    account: str = ""


_JOB = frozenset({"backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "template"})
_POD = frozenset({"terminationGracePeriodSeconds"})


def of_event(images: tuple[str, ...]) -> Rules:
    """For what stands in a Canary, which may be written by somebody who may not run pods or read Secrets."""
    return Rules(
        job=_JOB,
        pod=_POD,
        volumes=frozenset({"configMap", "emptyDir", "downwardAPI"}),
        env=frozenset({"configMapKeyRef", "fieldRef", "resourceFieldRef"}),
        env_from=frozenset({"prefix", "configMapRef"}),
        images=images,
        labels=False,
    )


TEMPLATE = Rules(
    job=_JOB,
    pod=_POD
    | {"affinity", "dnsConfig", "dnsPolicy", "imagePullSecrets", "nodeSelector", "priorityClassName"}
    | {"runtimeClassName", "schedulerName", "serviceAccountName", "tolerations"},
    volumes=frozenset({"configMap", "emptyDir", "downwardAPI", "secret", "persistentVolumeClaim"}),
    env=frozenset({"configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"}),
    env_from=frozenset({"prefix", "configMapRef", "secretRef"}),
    images=None,
    labels=True,
)
"""For a CronJob of the namespace: who may write it may run its pods anyway."""


def only(field: Field, allowed: frozenset[str] | set[str]) -> None:
    """Refuse what is given and not allowed, by the name of its field and without its value: it may be a secret."""
    for name in field.mapping():
        if name not in allowed and field[name].given:
            raise BadCanary(f"{field[name].path}: is not allowed in a Job that a rollout asks for")


def permitted(image: str, prefixes: tuple[str, ...]) -> bool:
    """Whether an image is permitted: `ghcr.io/shop` is a prefix of `ghcr.io/shop/x` and `ghcr.io/shop:1`, no others."""
    for prefix in prefixes:
        rest = image.removeprefix(prefix)
        if prefix == "*" or (image.startswith(prefix) and (prefix.endswith("/") or rest[:1] in ("", "/", ":", "@"))):
            return True
    return False
