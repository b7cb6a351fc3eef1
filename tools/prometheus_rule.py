"""Writes the alerts as a resource for Kubernetes: `python -m tools.prometheus_rule`."""

from pathlib import Path
from textwrap import indent

_DEPLOY = Path(__file__).parents[1] / "deploy"
RULES_FILE = _DEPLOY / "prometheus/rules.yml"
RESOURCE_FILE = _DEPLOY / "kubernetes/components/monitoring/prometheus-rule.yaml"

_HEADER = """\
# Generated from deploy/prometheus/rules.yml: make generate
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: pastiche
spec:
"""


def prometheus_rule() -> str:
    """The resource. Its specification is the file of rules."""
    return _HEADER + indent(RULES_FILE.read_text("utf-8"), "  ")


def main() -> None:
    """Writes the resource."""
    RESOURCE_FILE.write_text(prometheus_rule(), encoding="utf-8")


if __name__ == "__main__":
    main()
