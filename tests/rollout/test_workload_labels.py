"""Which labels of a target its primary has, and by which it is selected."""

from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.objects.sides import selector_label
from handlers.rollout.objects.workloads import create_primary
from handlers.rollout.snapshot import Options
from tests.rollout.workloads import canary, target


def test_a_label_that_is_the_selector_is_kept_though_gitops_tools_use_it() -> None:
    """Helm charts select by app.kubernetes.io/instance; the primary has it with its own value."""
    options = Options(selector_labels=("app.kubernetes.io/instance",), include_label_prefixes=("*",))
    source = target()
    source["spec"]["selector"]["matchLabels"] = {"app.kubernetes.io/instance": "app"}

    made = create_primary(canary(), source, options, "1-aa")

    assert made["metadata"]["labels"]["app.kubernetes.io/instance"] == "app-primary"
    assert made["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/instance"] == "app-primary"
    assert made["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/instance": "app-primary"}}


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        pytest.param(("foo", "lor"), {"foo": "1", "lorem": "3"}, id="IncludeLabelsByPrefix"),
        pytest.param(("*",), {"foo": "1", "bar": "2", "lorem": "3"}, id="IncludeLabelsByPrefixWithWildcard"),
        pytest.param(("",), {}, id="IncludeLabelsNoIncludes"),
        pytest.param((), {}, id="none given"),
    ],
)
def test_labels_are_copied_by_prefix(prefixes: tuple[str, ...], expected: dict[str, str]) -> None:
    """Only the labels that are asked for reach the primary, and MakePrimaryLabels adds the selector's.

    Flagger's TestIncludeLabelsByPrefix, TestIncludeLabelsByPrefixWithWildcard, TestIncludeLabelsNoIncludes.
    """
    source = target()
    source["metadata"]["labels"] = {"foo": "1", "bar": "2", "lorem": "3"}

    made = create_primary(canary(), source, Options(selector_labels=("name",), include_label_prefixes=prefixes), "1-aa")

    assert made["metadata"]["labels"] == expected | {"name": "podinfo-primary"}


def test_the_first_accepted_label_selects() -> None:
    """getSelectorLabel: the order is that of the setting, not that of the Deployment."""
    source = {"spec": {"selector": {"matchLabels": {"app": "a", "name": "n"}}}}

    assert selector_label(source, ("name", "app")) == "name"


@pytest.mark.parametrize("selector", [{"matchLabels": {"tier": "web"}}, {}, None])
def test_a_target_without_an_accepted_label_is_refused(selector: Any) -> None:
    """The message names the Deployment and the labels that would do."""
    source = {"metadata": {"namespace": "default", "name": "podinfo"}, "spec": {"selector": selector}}

    with pytest.raises(BadCanary, match=r"Deployment default/podinfo .* one of app, name$"):
        selector_label(source, ("app", "name"))
