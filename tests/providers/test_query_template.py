"""Query templates: what Flagger's users write is rendered the same, and everything else is refused by name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.providers.template import Model, model, render
from handlers.rollout.spec.canary import parse

MODEL = Model(
    name="podinfo",
    namespace="test",
    target="podinfo-app",
    service="podinfo-svc",
    ingress="podinfo-ing",
    route="podinfo-route",
    interval="1m",
    variables={"direction": "inbound", "a-b": "dash", "ünï": "word"},
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("up", "up", id="nothing to fill in"),
        pytest.param("{{ name }} {{ namespace }} {{ target }}", "podinfo test podinfo-app", id="canary and target"),
        pytest.param("{{ service }} {{ ingress }} {{ route }}", "podinfo-svc podinfo-ing podinfo-route", id="routes"),
        pytest.param('x{a="{{name}}"}[{{interval}}]', 'x{a="podinfo"}[1m]', id="without spaces"),
        pytest.param("{{\n\tname\r\n}}", "podinfo", id="over several lines"),
        pytest.param("{{ variables.direction }}", "inbound", id="a variable"),
        pytest.param("{{ variables.ünï }}", "word", id="a variable that is no ASCII"),
        pytest.param('{{ index variables "a-b" }}', "dash", id="a variable by index"),
        pytest.param("{{ index variables `a-b` }}", "dash", id="a variable by index in backquotes"),
        pytest.param('{{ "{{" }} {{ "}}" }}', "{{ }}", id="braces as literals"),
        pytest.param(r'{{ "a\"b\\c\n" }}', 'a"b\\c\n', id="escapes in a literal"),
        pytest.param("{{ `a\\n\r` }}", "a\\n", id="a raw literal"),
        pytest.param("a \n\t{{- name -}} \r\n b", "apodinfob", id="trims on both sides"),
        pytest.param("a {{- name }} b", "apodinfo b", id="trims on the left"),
        pytest.param("a {{ name -}} b {{ name -}} ", "a podinfob podinfo", id="trims on the right"),
        pytest.param('{{ "x " -}} {{- " y" }}', "x  y", id="trims text, not values"),
        pytest.param("} }} {x}", "} }} {x}", id="other braces are text"),
    ],
)
def test_what_flagger_renders_is_rendered(template: str, expected: str) -> None:
    """A template of the subset gives what Go's text/template gives.

    Flagger's Test_RenderQuery.
    """
    assert render(template, MODEL) == expected


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        pytest.param("{{ if x }}", "{{ if x }}", id="control structures"),
        pytest.param("{{ Name }}", "{{ Name }}", id="another case"),
        pytest.param("{{ cluster }}", "{{ cluster }}", id="an unknown name"),
        pytest.param("{{ variables }}", "{{ variables }}", id="all variables at once"),
        pytest.param("{{ name | printf }}", "{{ name | printf }}", id="a pipeline"),
        pytest.param("{{-name }}", "{{-name }}", id="a trim without its space on the left"),
        pytest.param("{{ name-}}", "{{ name-}}", id="a trim without its space on the right"),
        pytest.param("a {{ name", "{{ name", id="no end"),
        pytest.param(r'{{ "\x41" }}', r'"\\x41"', id="an escape that is not known"),
        pytest.param(r'{{ "\ud800" }}', r'"\\ud800"', id="half a character"),
        pytest.param("{{ /* note */ }}", "{{ /* note */ }}", id="a comment"),
        pytest.param("{{ " + "x" * 100, "{{ " + "x" * 54 + "...", id="a long one is cut"),
    ],
)
def test_what_is_not_understood_is_shown(template: str, shown: str) -> None:
    """Everything outside the subset is an error that shows the action."""
    with pytest.raises(BadCanary) as caught:
        render(template, MODEL)
    assert shown in str(caught.value)


@pytest.mark.parametrize("template", ["{{ variables.none }}", '{{ index variables "none" }}'])
def test_a_missing_variable_is_an_error(template: str) -> None:
    """A variable without a value is named, in either spelling, with those that there are.

    Flagger's Test_RenderQuery.
    """
    with pytest.raises(BadCanary, match=r"none.*has no value.*direction"):
        render(template, MODEL)


@given(st.text(alphabet=st.sampled_from('{} -"`\\.|\n\tnamevribsxd()/*')) | st.text(), st.text())
def test_rendering_raises_nothing_else(template: str, value: str) -> None:
    """Whatever is written, the outcome is a query or BadCanary."""
    try:
        rendered = render(template, replace(MODEL, name=value))
    except BadCanary:
        return
    assert isinstance(rendered, str)


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_is_left_alone(text: str) -> None:
    """What holds no action comes out as it went in."""
    assert render(text, MODEL) == text


@given(st.text(), st.text())
def test_values_are_not_read_as_templates(first: str, second: str) -> None:
    """A value goes in as it is, also when it looks like an action."""
    values = replace(MODEL, name=first, variables={"x": second})
    assert render("{{ name }}|{{ variables.x }}", values) == f"{first}|{second}"


def test_a_canary_gives_the_values() -> None:
    """Service, ingress and route have the target's name unless the Canary says otherwise."""
    canary = parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "ing"},
                "service": {"port": 80, "name": "svc"},
                "analysis": {
                    "stepWeight": 10,
                    "metrics": [{"name": "errors", "query": "up", "interval": "30s", "templateVariables": {"a": "b"}}],
                },
            },
        }
    )
    assert model(canary, canary.analysis.metrics[0]) == Model(
        name="podinfo",
        namespace="test",
        target="app",
        service="svc",
        ingress="ing",
        route="app",
        interval="30s",
        variables={"a": "b"},
    )
