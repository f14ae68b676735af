"""The rule of the primary's copies of configs (docs/protocol.md); each test fails without it."""

from typing import Any

import pytest

from handlers.rollout.objects.configs import COPIED, carried
from handlers.rollout.state import Intent
from tests.lab import TICK, Lab, an_alert
from tests.protocol.harness import Handler, finish, state_of
from tests.protocol.situations import with_changed_configs
from tests.protocol.steps import CANARY, FENCE, GONE, handler, image, writes

MAP, SECRET = "v1/configmaps/app-config", "v1/secrets/app-secret"


def due() -> Lab:
    """The promotion of changed configs is due."""
    lab = with_changed_configs(60)
    lab.kubelet.run()
    lab.clock.tick(10)
    return lab


def half_copied() -> tuple[Lab, Handler]:
    """A process stands right after its first copy."""
    lab = due()
    slow = handler(lab).to("patch", "/configmaps/app-config-primary")
    slow.go(1)
    assert says(lab) == ("b", "YQ==")
    return lab, slow


def says(lab: Lab) -> tuple[str, str]:
    """What the primary's copies say."""
    return lab.get(f"{MAP}-primary")["data"]["k"], lab.get(f"{SECRET}-primary")["data"]["k"]


def as_made(lab: Lab) -> bool:
    """Whether the copies are those that the primary's template was made with."""
    made_with = carried(lab.primary)
    paths = {"configmap/app-config": MAP, "secret/app-secret": SECRET}
    found = {name: lab.get(f"{path}-primary")["metadata"]["annotations"][COPIED] for name, path in paths.items()}
    return found == made_with


def push_image(lab: Lab) -> None:
    """Another image, with the same configs."""
    containers = lab.target["spec"]["template"]["spec"]["containers"]
    patch = {"spec": {"template": {"spec": {"containers": [{**containers[0], "image": "app:v3"}]}}}}
    lab.edit("apps/v1/deployments/app", patch)


def push_config(lab: Lab) -> None:
    """Other contents."""
    lab.edit(MAP, {"data": {"k": "c"}})


def push_without(lab: Lab) -> None:
    """An image that reads no config at all."""
    lab.push("app:v3")


PUSHES = [push_image, push_config, push_without]


def test_rule_19_what_a_copy_says_is_kept_before_it_is_overwritten() -> None:
    """Each under its second name, before any copy is touched, and the template last."""
    # what is made new is named by its list
    order = [name for name in writes(due()) if not name.startswith(("canaries", "virtualservices"))]
    assert order == [
        "shop/configmaps",
        "shop/secrets",
        "configmaps/app-config-primary",
        "secrets/app-secret-primary",
        "deployments/app-primary",
    ]
    lab, _ = half_copied()
    assert lab.get(f"{MAP}-primary-previous")["data"] == {"k": "a"}
    assert lab.get(f"{SECRET}-primary-previous")["data"] == {"k": "YQ=="}


def test_rule_19_what_is_kept_is_what_the_primary_was_made_with() -> None:
    """A second promotion of the same, after a process that died, does not keep what it has copied half."""
    lab, _ = half_copied()
    lab.clock.tick(GONE)
    lab.step()
    assert lab.phase == "Promoting"
    assert lab.get(f"{MAP}-primary-previous")["data"] == {"k": "a"}
    assert as_made(lab)
    finish(lab)
    lab.edit(MAP, {"data": {"k": "c"}})
    finish(lab)
    assert lab.get(f"{MAP}-primary-previous")["data"] == {"k": "b"}


@pytest.mark.parametrize("push", PUSHES)
def test_rule_19_a_push_after_half_a_copy_puts_the_configs_back(push: Any) -> None:
    """The next step does that and nothing else; no pod of the primary starts with what was not promoted."""
    lab, slow = half_copied()
    push(lab)
    lab.clock.tick(GONE)
    lab.step()
    assert (says(lab), as_made(lab), image(lab)) == (("a", "YQ=="), True, "app:v1")
    assert "Warning A promotion of app.shop was broken off, putting back the configs of app-primary.shop" in lab.events
    slow.go()
    assert image(lab) == "app:v1"
    finish(lab)
    assert lab.phase == "Succeeded"
    assert push is push_without or as_made(lab)


def test_rule_19_a_rollback_does_not_wait_for_configs() -> None:
    """An alert after a push over half a copy: traffic first, and the next tick puts the configs back."""
    lab, slow = half_copied()
    push_image(lab)
    lab.step(an_alert(lab.clock.moment))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
    slow.go()
    assert image(lab) == "app:v1"
    for _ in range(2):
        lab.tick()
        if as_made(lab):
            break
    assert (says(lab), image(lab)) == (("a", "YQ=="), "app:v1")
    finish(lab)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v3")


@pytest.mark.parametrize("name", ["configmaps/app-config-primary", "secrets/app-secret-primary"])
def test_rule_19_a_copy_in_flight_is_stale_before_the_swap(name: str) -> None:
    """Who replaces the claim of a promotion fences the copies as well, and what is kept of them."""
    lab = due()
    slow = handler(lab).to("patch", f"/{name}")
    before = says(lab)
    push_image(lab)
    lab.clock.tick(GONE)
    other = handler(lab, TICK).to("patch", CANARY)
    fenced = lab.get(f"v1/{name}")["metadata"]["annotations"], lab.get(f"v1/{name}-previous")["metadata"]["annotations"]
    assert all(FENCE in annotations for annotations in fenced)
    other.go(1)
    slow.go(1)
    assert says(lab) == before
    other.go()
    slow.go()
    finish(lab)
    assert (lab.phase, image(lab), as_made(lab)) == ("Succeeded", "app:v3", True)


def test_rule_19_configs_are_put_back_under_a_claim() -> None:
    """Like every other effect, so that nobody copies meanwhile."""
    lab, _ = half_copied()
    push_image(lab)
    lab.clock.tick(GONE)
    second = handler(lab).to("patch", "/configmaps/app-config-primary")  # its fence
    second.go(1)
    second.to("patch", "/configmaps/app-config-primary")
    claim = state_of(lab).claim
    assert claim
    assert claim.intent is Intent.HEAL
    second.go()
    assert as_made(lab)
