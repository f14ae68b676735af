"""A revision moves when the template does, and only then."""

from typing import Any

from handlers.rollout.objects.revision import of_configs, of_target

CONTAINER = {"name": "app", "image": "app:v1"}


def target(template: Any, **others: Any) -> dict[str, Any]:
    """A Deployment with this template."""
    return {"metadata": {"generation": 1}, "spec": {"replicas": 1, "template": template, **others}}


def test_a_revision_is_a_hash_of_the_template() -> None:
    """Its form is fixed: it stands in annotations of clusters, and another one would start rollouts of everything."""
    assert of_target(target({"spec": {"containers": [CONTAINER]}})) == "1-1730e70c012ba9f5"


def test_the_order_of_keys_is_nothing() -> None:
    """JSON objects have no order."""
    one = target({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {}})
    other = target({"spec": {}, "metadata": {"labels": {"b": "2", "a": "1"}}})
    assert of_target(one) == of_target(other)


def test_what_is_not_the_template_is_nothing() -> None:
    """Replicas, generation, status and annotations of the Deployment start no rollout."""
    template = {"spec": {"containers": [CONTAINER]}}
    noisy = target(template, paused=True) | {"metadata": {"annotations": {"a": "b"}}, "status": {"replicas": 3}}
    noisy["spec"] |= {"replicas": 5}
    assert of_target(noisy) == of_target(target(template))


def test_a_change_in_the_template_is_a_new_revision() -> None:
    """Also an annotation in it: that is how people start a rollout anew.

    Flagger's TestCanaryChecksum.
    """
    base = {"spec": {"containers": [CONTAINER]}}
    changed = [
        {"spec": {"containers": [CONTAINER | {"image": "app:v2"}]}},
        {**base, "metadata": {"annotations": {"touched": "1"}}},
        {"spec": {"containers": [CONTAINER, CONTAINER]}},
        None,
    ]
    revisions = {of_target(target(template)) for template in [base, *changed]}
    assert len(revisions) == len(changed) + 1


def test_configs_are_part_of_a_revision() -> None:
    """Other contents are another revision; without any it is what it was before there was tracking.

    Flagger's TestCanaryChecksum.
    """
    deployment = target({"spec": {"containers": [CONTAINER]}})
    plain = of_target(deployment)
    assert of_target(deployment, {}) == plain
    assert len({plain, of_target(deployment, {"configmap/a": "1"}), of_target(deployment, {"configmap/a": "2"})}) == 3


def test_the_first_look_at_configs_starts_no_rollout() -> None:
    """With the configs of that look the template alone tells the revision, as it did before."""
    deployment = target({"spec": {"containers": [CONTAINER]}})
    first, second = {"configmap/a": "1"}, {"configmap/a": "2"}
    assert of_target(deployment, first, of_configs(first)) == of_target(deployment)
    assert of_target(deployment, second, of_configs(first)) == of_target(deployment, second)
    assert of_configs({}) == ""
