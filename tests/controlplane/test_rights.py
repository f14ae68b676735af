"""Each service account may do what it does, and no more: each verb that is taken away from it breaks something."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from handlers.app import create_app
from handlers.sandbox.kube import ApiError
from handlers.sandbox.process import SandboxError, wait_for
from handlers.sandbox.sandbox import Options, Sandbox
from tests.adapters import loopback
from tests.adapters.loopback import Serve
from tests.controlplane.control_plane import ADMIN, ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.moves import moved_daemons, moved_deployment, moved_scaled
from tests.controlplane.programs import build
from tests.controlplane.rights import RIGHTS, Right, Site
from tests.controlplane.rollouts import AUDIENCE, JOB_IMAGES, answering, brokered, daemons, jobs, scaled, weighted
from tests.e2e import account, town
from tests.e2e.town import SCALE, TOKEN, App, Town, an_app

IMPATIENCE = 3
"""Seconds until what cannot happen is given up; with all rights each step takes a fraction of one."""

Scenario = Callable[[Site, App], None]

serve = pytest.fixture(scope="module")(loopback.serve)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Site]:
    """All of it, once."""
    build()
    directory = tmp_path_factory.mktemp("rights")
    with ControlPlane(directory) as plane:
        plane.install(*definitions("github.com/fluxcd/flagger", "istio.io/api", "github.com/kedacore/keda/v2"))
        with Sandbox(Options(kubeconfig=plane.kubeconfig(ADMIN), metrics=False)) as sandbox:
            sandbox.apply(*account.rights())
            hooks = serve(answering(_run_job(sandbox, directory)))
            yield Site(plane, Town(sandbox, _handlers(sandbox, directory, hooks.url).test_client()), hooks)


def _run_job(sandbox: Sandbox, directory: Path) -> Flask:
    """What runs Jobs, as its service account."""
    return create_app(_environ(sandbox, directory, account.RUN_JOB) | {"SERINUS_JOB_IMAGES": JOB_IMAGES})


def _handlers(sandbox: Sandbox, directory: Path, hooks: str) -> Flask:
    """The handlers, as theirs; `hooks`: the URL of their webhooks, with the token of what runs Jobs, and metrics."""
    tokens = directory / "webhook-tokens"
    tokens.mkdir()
    (tokens / hooks.removeprefix("http://")).write_text(TOKEN)
    more = {
        "SERINUS_WEBHOOK_TOKENS_DIR": str(tokens),
        "SERINUS_OIDC_AUDIENCE": AUDIENCE,
        "SERINUS_OIDC_SUBJECTS": account.username("default"),
        "SERINUS_TIME_SCALE": str(SCALE),
        "SERINUS_METRICS_SERVER": hooks,
    }
    return create_app(_environ(sandbox, directory, account.HANDLERS) | more)


def _environ(sandbox: Sandbox, directory: Path, name: str) -> dict[str, str]:
    """What both are told: which account they are, and who may ask."""
    tokens = directory / f"{name}-tokens"
    tokens.mkdir()
    (tokens / "sender").write_text(TOKEN)
    kubeconfig = account.kubeconfig(sandbox.kube, sandbox.kubeconfig, name, directory)
    return {"KUBECONFIG": str(kubeconfig), "SERINUS_TOKENS_DIR": str(tokens)}


MOVES: tuple[Scenario, ...] = (moved_deployment, moved_daemons, moved_scaled)
SCENARIOS: tuple[Scenario, ...] = (weighted, daemons, scaled, *MOVES, brokered, jobs)
FINALIZERS = ("flagger.app", "canaries/finalizers", "update")
UNSEEN: dict[Right, Scenario] = {
    (account.HANDLERS, *FINALIZERS): weighted,
    (account.RUN_JOB, *FINALIZERS): jobs,
}
"""Asked by the admission of owner references, and so in no audit log."""


@pytest.fixture(scope="module")
def users(site: Site) -> dict[Right, Scenario]:
    """Who uses which right first: all scenarios run through with all rights."""
    found = UNSEEN
    for scenario in SCENARIOS:
        with an_app(site.town) as app:
            scenario(site, app)
        found = dict.fromkeys(site.used(), scenario) | found
    return found


def test_every_right_is_used(users: dict[Right, Scenario]) -> None:
    """The scenarios need all that is granted, and ask for nothing else."""
    assert set(users) == set(RIGHTS)


@pytest.mark.parametrize("right", RIGHTS, ids=" ".join)
def test_without_a_right_something_fails(
    site: Site, users: dict[Right, Scenario], right: Right, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenario that uses a right comes to no good end without it, because it is refused."""
    monkeypatch.setattr(town, "PATIENCE", IMPATIENCE)
    role = next(item for item in account.rights() if item["metadata"]["name"] == RIGHTS[right] and "rules" in item)
    site.town.sandbox.apply(role | {"rules": without(role["rules"], right)})
    try:
        wait_for(lambda: not site.allowed(right), "the right is gone", IMPATIENCE)
        refusals = site.refusals()
        with an_app(site.town) as app, pytest.raises((AssertionError, SandboxError, ApiError)):
            users[right](site, app)
        assert site.refusals() > refusals
    finally:
        site.town.sandbox.apply(role)
        wait_for(lambda: site.allowed(right), "the right is back", IMPATIENCE)


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        pytest.param("serinus-ticks", "serinus", id="the clock asks the handlers alone"),
        pytest.param("loadtester", "loadtester", id="whoever has a webhook runs commands there"),
    ],
)
def test_who_needs_no_rights_has_none(site: Site, name: str, namespace: str) -> None:
    """The other accounts may do no more than one that nobody has heard of."""
    nobody = site.rules("nobody", namespace)
    assert site.rules(name, namespace) == nobody != site.rules(account.HANDLERS)


def without(rules: list[Any], right: Right) -> list[Any]:
    """Rules, each for one resource, that grant all but one verb."""
    _, *less = right
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": verbs}
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if (verbs := [verb for verb in rule["verbs"] if [group, resource, verb] != less])
    ]
