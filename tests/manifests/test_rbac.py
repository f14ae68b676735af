"""The handlers may do what they do, and no more."""

from collections.abc import Iterator
from typing import Any

import pytest

from handlers.rollout import objects as kinds
from handlers.rollout.objects import (
    ALERT_PROVIDER,
    CANARY,
    CRON_JOB,
    EVENT,
    JOB,
    METRIC_TEMPLATE,
    NAMESPACE,
    STATEFUL_SET,
    Kind,
)
from tests.manifests.files import objects

KINDS = sorted((item for item in vars(kinds).values() if isinstance(item, Kind)), key=str)
FULL = {"get", "list", "create", "patch", "delete"}
NEEDED = {STATEFUL_SET: {"list"}, ALERT_PROVIDER: {"get"}, JOB: {"get", "create"}, CRON_JOB: {"get"}}
NEEDED |= {CANARY: {"get", "list", "patch"}, METRIC_TEMPLATE: {"get"}, NAMESPACE: {"get"}, EVENT: {"create"}}


def rules(role: str) -> list[dict[str, Any]]:
    """The rules of all roles of a kind."""
    return [rule for item in objects(role) for rule in item["rules"]]


def verbs(group: str, resource: str, *roles: str) -> set[str]:
    """What the roles allow with a resource."""
    return {
        verb
        for role in roles
        for rule in rules(role)
        if group in rule["apiGroups"] and resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_every_kind_is_covered(kind: Kind) -> None:
    """Each kind that the code knows is allowed with exactly the verbs that the code uses."""
    assert verbs(kind.group, kind.plural, "ClusterRole", "Role") == NEEDED.get(kind, FULL)


def test_what_belongs_to_kinds_is_covered() -> None:
    """The status is patched, clones block their Canary's deletion, OIDC tokens are reviewed."""
    assert verbs(CANARY.group, "canaries/status", "ClusterRole") == {"patch"}
    assert verbs(CANARY.group, "canaries/finalizers", "ClusterRole") == {"update"}
    assert verbs("authentication.k8s.io", "tokenreviews", "ClusterRole") == {"create"}


def test_nothing_is_allowed_besides() -> None:
    """No wildcard, and no resource that the code does not know."""
    known = {(kind.group, kind.plural) for kind in KINDS}
    known |= {(CANARY.group, "canaries/status"), (CANARY.group, "canaries/finalizers")}
    known |= {("authentication.k8s.io", "tokenreviews")}
    assert set(granted("ClusterRole")) | set(granted("Role")) == known
    assert not {"*", "deletecollection", "watch", "escalate", "impersonate"} & {
        verb for rule in [*rules("ClusterRole"), *rules("Role")] for verb in rule["verbs"]
    }


def granted(role: str) -> Iterator[tuple[str, str]]:
    """Group and plural of all that the roles of a kind name."""
    for rule in rules(role):
        yield from ((group, resource) for group in rule["apiGroups"] for resource in rule["resources"])


def test_secrets_stand_in_a_role_of_their_own() -> None:
    """To read all Secrets is to be an administrator: whoever tracks no configs leaves that role out, and no other has
    more than Secrets by name.
    """
    having = [item for item in objects("ClusterRole") if "secrets" in str(item["rules"])]
    assert [item["metadata"]["name"] for item in having] == ["serinus-configs"]
    assert {resource for rule in having[0]["rules"] for resource in rule["resources"]} == {"configmaps", "secrets"}
    assert all(rule.get("resourceNames") for rule in rules("Role") if "secrets" in rule["resources"])


def test_bindings_bind_what_is_there() -> None:
    """A binding names a role that exists, for an account that exists; Jobs are run by another than the handlers'."""
    roles = {(item["kind"], item["metadata"]["name"]) for kind in ("ClusterRole", "Role") for item in objects(kind)}
    accounts = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in objects("ServiceAccount")}
    bindings = [*objects("ClusterRoleBinding"), *objects("RoleBinding")]
    assert {(item["roleRef"]["kind"], item["roleRef"]["name"]) for item in bindings} == roles
    bound = {(subject["namespace"], subject["name"]) for item in bindings for subject in item["subjects"]}
    assert bound == {("serinus", "serinus"), ("serinus", "serinus-run-job")} <= accounts


@pytest.mark.parametrize(
    ("account", "kinds"),
    [
        pytest.param("serinus", set(KINDS) - {JOB, CRON_JOB}, id="the handlers run no Jobs"),
        pytest.param("serinus-run-job", {CANARY, JOB, CRON_JOB}, id="what runs Jobs does nothing else"),
    ],
)
def test_each_account_has_its_own_rights(account: str, kinds: set[Kind]) -> None:
    """What the roles that are bound to an account allow is about these kinds."""
    bindings = [*objects("ClusterRoleBinding"), *objects("RoleBinding")]
    names = {item["roleRef"]["name"] for item in bindings if item["subjects"][0]["name"] == account}
    roles = [*objects("ClusterRole"), *objects("Role")]
    found = [rule for item in roles if item["metadata"]["name"] in names for rule in item["rules"]]
    known = {(kind.group, kind.plural): kind for kind in KINDS}
    about = {(group, resource) for rule in found for group in rule["apiGroups"] for resource in rule["resources"]}
    assert {known[one] for one in about if one in known} == kinds


def test_who_needs_no_rights_has_none() -> None:
    """Pods that say nothing to the API server have no token for it: the clock and the load tester."""
    unbound = [
        item for item in objects("ServiceAccount") if item["metadata"]["name"] in {"serinus-ticks", "loadtester"}
    ]
    assert [item["automountServiceAccountToken"] for item in unbound] == [False, False]
