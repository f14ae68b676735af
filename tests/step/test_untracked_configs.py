"""Configs that are missing, opted out, of others, or not tracked at all."""

from dataclasses import replace

import pytest

from handlers.errors import BadCanary
from handlers.rollout.objects.revision import of_target
from handlers.rollout.state import Phase
from handlers.step.sweep import sweep
from tests.lab import TICK, a_config
from tests.protocol.harness import finish, state_of
from tests.step.configured import READS, at_rest, changed, configured, reads


def test_a_config_that_vanishes_holds_the_run_and_is_named() -> None:
    """The canary keeps what it has; past the deadline it is rolled back, and with the config back it goes on."""
    lab = changed(at_rest(configured()))
    while lab.weights != (60, 40):
        lab.tick()
    lab.api.call("DELETE", "/api/v1/namespaces/shop/configmaps/app-config")
    lab.tick(2)
    assert (lab.phase, lab.weights) == ("Progressing", (60, 40))
    assert "ConfigMap shop/app-config does not exist, and the pods need it" in lab.events[-1]
    twin = lab.copy()
    a_config(lab, "app-config", {"k": "b"})
    finish(lab)
    assert lab.phase == "Succeeded"
    twin.tick(seconds=601)
    assert (twin.phase, twin.weights) == ("Failed", (100, 0))


def test_a_bootstrap_without_a_needed_config_says_so() -> None:
    """A primary without it would never start."""
    lab = configured({"configMapRef": {"name": "absent"}})
    with pytest.raises(BadCanary, match="ConfigMap shop/absent does not exist, and the pods need it"):
        lab.step()
    assert lab.primary is None


def test_an_optional_config_may_be_missing_and_may_come() -> None:
    """ConfigTracker_HasConfigChanged: that it comes is a change."""
    lab = at_rest(configured({"configMapRef": {"name": "later", "optional": True}}))
    assert reads(lab) == ["later"]
    a_config(lab, "later", {"k": "a"})
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)
    assert lab.phase == "Progressing"
    finish(lab)
    assert reads(lab) == ["later-primary"]


@pytest.mark.parametrize("annotation", ["flagger.app/config-tracking", "serinus.dev/config-tracking"])
def test_an_opted_out_config_is_shared_and_starts_nothing(annotation: str) -> None:
    """ConfigIsDisabled: no copy, no rollout.

    Flagger's TestConfigTracker_ConfigMaps, TestConfigTracker_Secrets.
    """
    lab = at_rest(configured(READS[0], metadata={"annotations": {annotation: "disabled"}}))
    assert reads(lab) == ["app-config"]
    changed(lab)
    finish(lab)
    assert lab.phase == "Initialized"
    assert lab.get("v1/configmaps/app-config-primary") is None


def test_a_strangers_object_is_not_overwritten() -> None:
    """C22: the copy gets the Canary's name in its own, and is found under it again."""
    lab = configured()
    a_config(lab, "app-config-primary", {"theirs": "1"})
    changed(at_rest(lab))
    finish(lab)
    assert lab.phase == "Succeeded"
    assert reads(lab)[0] == "app-config-app-primary"
    assert lab.get("v1/configmaps/app-config-primary")["data"] == {"theirs": "1"}
    assert lab.get("v1/configmaps/app-config-app-primary")["data"] == {"k": "b"}


def test_tracking_can_be_turned_off() -> None:
    """Flagger's -enable-config-tracking=false: nothing is read, copied or started; nor when it is turned off later."""
    lab = configured()
    off = replace(lab.world.config, options=replace(lab.world.config.options, config_tracking=False))
    on, lab.world = lab.world, replace(lab.world, config=off)
    changed(at_rest(lab))
    finish(lab)
    assert (lab.phase, reads(lab)) == ("Initialized", ["app-config", "app-secret"])
    assert not [path for _verb, path in lab.cluster.calls if "configmaps" in path or "secrets" in path]
    tracked = at_rest(configured())
    tracked.world = replace(tracked.world, config=off)
    tracked.edit("apps/v1/deployments/app", {"metadata": {"annotations": {"look": "1"}}})
    tracked.step()
    finish(changed(tracked))
    assert (tracked.phase, on.config.options.config_tracking) == ("Initialized", True)


def test_a_canary_from_before_tracking_starts_no_rollout() -> None:
    """The first look at its configs changes nothing; the next change of one is a new version."""
    lab = configured()
    off = replace(lab.world.config, options=replace(lab.world.config.options, config_tracking=False))
    on, lab.world = lab.world, replace(lab.world, config=off)
    at_rest(lab)
    lab.world = on
    lab.step()
    finish(lab)
    assert (lab.phase, state_of(lab).promoted) == ("Initialized", of_target(lab.target))
    changed(lab)
    finish(lab)
    assert (lab.phase, state_of(lab).phase) == ("Succeeded", Phase.SUCCEEDED)
    assert reads(lab) == ["app-config-primary", "app-secret-primary"]
