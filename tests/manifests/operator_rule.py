"""The Prometheus operator's form of alertmanager/rules.yml: `python -m tests.manifests.operator_rule` writes it."""

from textwrap import indent

from tests.manifests.files import ALERTMANAGER

FILE = ALERTMANAGER / "operator" / "prometheus-rule.yaml"
HEAD = """\
# Made from ../rules.yml, which says what the rules are about: change that.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: serinus
  namespace: serinus
  labels: {} # those that `spec.ruleSelector` of your Prometheus asks for, as `release: kube-prometheus-stack`
spec:
"""


def made() -> str:
    """The object: the groups as they are, two spaces further in."""
    _, groups, rules = (ALERTMANAGER / "rules.yml").read_text(encoding="utf-8").partition("groups:\n")
    return HEAD + indent(groups + rules, "  ")


if __name__ == "__main__":
    FILE.write_text(made(), encoding="utf-8")
