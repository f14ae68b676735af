"""ConfigMaps and Secrets: found wherever pods can read them, and told apart."""

from typing import Any

import pytest

from handlers.rollout.objects.configs import digest, opted_out, references, tracked, with_copies
from tests.rollout.configs import config_map, secret, workload


def env(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """A variable that is read from a key."""
    return {"name": "V", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": "k", **more}}}


POD = {
    "volumes": [
        {"name": "none", "emptyDir": {}},
        {"name": "v1", "configMap": {"name": "map-vol"}},
        {"name": "v2", "secret": {"secretName": "secret-vol"}},
        {
            "name": "v3",
            "projected": {
                "sources": [
                    {"configMap": {"name": "map-projected"}},
                    {"secret": {"name": "secret-projected"}},
                    {"downwardAPI": {}},
                ]
            },
        },
    ],
    "containers": [
        {
            "name": "podinfo",
            "env": [{"name": "A", "value": "1"}, env("configMap", "map-env"), env("secret", "secret-env")],
            "envFrom": [{"configMapRef": {"name": "map-all"}}, {"prefix": "P_", "secretRef": {"name": "secret-all"}}],
        },
        {"name": "side"},
    ],
    "initContainers": [
        {
            "name": "init",
            "env": [env("configMap", "map-init-env"), env("secret", "secret-init-env")],
            "envFrom": [{"configMapRef": {"name": "map-init"}}, {"secretRef": {"name": "secret-init"}}],
        }
    ],
}
WHERE = ("env", "all", "vol", "projected", "init-env", "init")
ALL = sorted([f"configmap/map-{place}" for place in WHERE] + [f"secret/secret-{place}" for place in WHERE])


def test_configs_are_found_wherever_pods_read_them() -> None:
    """ConfigTracker_ConfigMaps, ConfigTracker_Secrets: env, envFrom, volumes, projected volumes, init containers."""
    assert sorted(references(workload(POD))) == ALL
    assert references({"spec": {}}) == {}


def test_all_references_read_the_copies() -> None:
    """ApplyPrimaryConfigs: each of them, and nothing else in the pod changes.

    Flagger's TestConfigTracker_ConfigMaps, TestConfigTracker_Secrets.
    """
    copies = {config: f"{config.partition('/')[2]}-primary" for config in ALL}
    found = with_copies(POD, copies)
    assert sorted(references(workload(found))) == sorted(f"{config}-primary" for config in ALL)
    assert with_copies(found, {f"{config}-primary": config.partition("/")[2] for config in ALL}) == POD
    assert with_copies(POD, {}) == POD


@pytest.mark.parametrize(
    ("first", "second", "needed"),
    [(True, True, False), (True, False, True), (False, True, True), (False, False, True)],
)
def test_one_reference_that_is_not_optional_makes_it_needed(first: bool, second: bool, needed: bool) -> None:
    """ConfigTracker_HasConfigChanged, optional: whatever the order of the references is.

    Flagger's Test_fieldIsMandatory.
    """
    pod = {"containers": [{"env": [env("configMap", "a", optional=first), env("configMap", "a", optional=second)]}]}
    assert references(workload(pod)) == {"configmap/a": needed}


@pytest.mark.parametrize(
    ("annotation", "value", "out"),
    [
        ("flagger.app/config-tracking", "disabled", True),
        ("flagger.app/config-tracking", "disable", True),
        ("serinus.dev/config-tracking", "disabled", True),
        ("flagger.app/config-tracking", "enabled", False),
        ("flagger.app/other", "disabled", False),
    ],
)
def test_its_owner_may_opt_out(annotation: str, value: str, out: bool) -> None:
    """ConfigIsDisabled: by Flagger's annotation, as Flagger reads it, or by ours."""
    obj = config_map(metadata={"name": "app", "annotations": {annotation: value}})
    assert opted_out(obj) is out
    assert tracked("configmap/app", obj) is not out


@pytest.mark.parametrize(
    ("type_", "is_tracked"),
    [
        ("Opaque", True),
        ("kubernetes.io/tls", True),
        ("kubernetes.io/basic-auth", True),
        ("kubernetes.io/ssh-auth", True),
        ("kubernetes.io/dockerconfigjson", False),
        ("kubernetes.io/service-account-token", False),
    ],
)
def test_secrets_are_tracked_by_type(type_: str, is_tracked: bool) -> None:
    """Those of registries and service accounts are not, as in Flagger (getRefFromSecret)."""
    assert tracked("secret/app", secret(type=type_)) is is_tracked


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        (config_map(), False),
        (config_map({"k": "w"}), True),
        (config_map({"l": "v"}), True),
        (config_map(binaryData={"b": "AA=="}), True),
        (config_map(immutable=True), False),
        (config_map(metadata={"name": "app", "uid": "m-2", "labels": {"a": "b"}}), False),
    ],
    ids=["same", "value", "key", "binaryData", "immutable", "made again"],
)
def test_a_digest_tells_contents(changed: dict[str, Any], differs: bool) -> None:
    """It moves with data and binaryData, and with nothing else."""
    assert (digest("configmap/app", changed) != digest("configmap/app", config_map())) is differs


def test_a_secret_cannot_be_guessed_from_its_digest() -> None:
    """The same contents have another digest in every Secret: who tries passwords needs the uid, and so the Secret."""
    assert digest("secret/app", secret()) == digest("secret/app", secret())
    assert digest("secret/app", secret()) != digest("secret/app", secret("s-2"))
    assert digest("secret/app", secret()) != digest("configmap/app", secret())
