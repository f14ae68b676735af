"""The handlers may do what they do, and no more: each verb that is taken away from them breaks something."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from handlers.app import create_app
from handlers.sandbox.kube import ApiError
from handlers.sandbox.process import SandboxError, wait_for
from handlers.sandbox.sandbox import Options, Sandbox
from tests.adapters import loopback
from tests.adapters.loopback import Serve
from tests.controlplane.control_plane import ADMIN, ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.programs import build
from tests.controlplane.rights import AUDIENCE, RIGHTS, Right, Site, answer, brokered, daemons, scaled, weighted
from tests.e2e import account, town
from tests.e2e.town import SCALE, TOKEN, Town

IMPATIENCE = 3
"""Seconds until what cannot happen is given up; with all rights each step takes a fraction of one."""

serve = pytest.fixture(scope="module")(loopback.serve)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Site]:
    """All of it, once."""
    build()
    directory = tmp_path_factory.mktemp("rights")
    (directory / "tokens").mkdir()
    (directory / "tokens" / "cron").write_text(TOKEN)
    hooks = serve(answer)
    with ControlPlane(directory) as plane:
        plane.install(*definitions("github.com/fluxcd/flagger", "istio.io/api", "github.com/kedacore/keda/v2"))
        with Sandbox(Options(kubeconfig=plane.kubeconfig(ADMIN), metrics=False)) as sandbox:
            sandbox.apply(*account.rights())
            kubeconfig = account.kubeconfig(sandbox.kube, sandbox.kubeconfig, account.HANDLERS, directory)
            environ = {
                "KUBECONFIG": str(kubeconfig),
                "SERINUS_TOKENS_DIR": str(directory / "tokens"),
                "SERINUS_OIDC_AUDIENCE": AUDIENCE,
                "SERINUS_OIDC_SUBJECTS": f"system:serviceaccount:{account.NAMESPACE}:default",
                "SERINUS_TIME_SCALE": str(SCALE),
                "SERINUS_METRICS_SERVER": hooks.url,
            }
            yield Site(plane, Town(sandbox, create_app(environ).test_client()), hooks)


SCENARIOS: tuple[Callable[[Site], None], ...] = (weighted, daemons, scaled, brokered)
UNSEEN = ("flagger.app", "canaries/finalizers", "update")
"""Asked by the admission of owner references, and so in no audit log."""


@pytest.fixture(scope="module")
def users(site: Site) -> dict[Right, Callable[[Site], None]]:
    """Who uses which right first: all scenarios run through with all rights."""
    found: dict[Right, Callable[[Site], None]] = {UNSEEN: weighted}
    for scenario in SCENARIOS:
        scenario(site)
        found = dict.fromkeys(site.used(), scenario) | found
    return found


def test_every_right_is_used(users: dict[Right, Callable[[Site], None]]) -> None:
    """The scenarios need all that is granted, and ask for nothing else."""
    assert set(users) == set(RIGHTS)


@pytest.mark.parametrize("right", RIGHTS, ids=" ".join)
def test_without_a_right_something_fails(
    site: Site, users: dict[Right, Callable[[Site], None]], right: Right, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenario that uses a right comes to no good end without it."""
    monkeypatch.setattr(town, "PATIENCE", IMPATIENCE)
    role = next(item for item in account.rights() if item["metadata"]["name"] == RIGHTS[right] and "rules" in item)
    site.town.sandbox.apply(role | {"rules": without(role["rules"], right)})
    try:
        wait_for(lambda: not site.allowed(right), "the right is gone", IMPATIENCE)
        with pytest.raises((AssertionError, SandboxError, ApiError)):
            users[right](site)
    finally:
        site.town.sandbox.apply(role)
        wait_for(lambda: site.allowed(right), "the right is back", IMPATIENCE)


def without(rules: list[Any], right: Right) -> list[Any]:
    """Rules, each for one resource, that grant all but one verb."""
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": verbs}
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if (verbs := [verb for verb in rule["verbs"] if (group, resource, verb) != right])
    ]
