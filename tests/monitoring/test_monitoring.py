"""What is shipped for Prometheus and Grafana, held against what there is, and checked by Prometheus's own tool."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from daemon.observe.metrics import Metrics
from daemon.observe.reasons import LABELS
from daemon.operate.readings import Readings, Sources
from tests.monitoring.described import families, rows
from tests.operate.fakes import FakeDesk

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
PAGE = ROOT / "docs" / "metrics.md"

FOREIGN = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}


def promtool(*arguments: str, given: bytes | None = None) -> str:
    """Run promtool; it must succeed. Not being there is a failure only where it must be."""
    if shutil.which("promtool") is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is missing: apt-get install prometheus")
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, check=False, timeout=60)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, text
    return text


def sample_names() -> set[str]:
    """Every name that a query may use."""
    names: set[str] = set()
    for family in families():
        match family.type:
            case "histogram":
                names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
            case "counter":
                names.add(f"{family.name}_total")
            case "info":
                names.add(f"{family.name}_info")
            case _:
                names.add(family.name)
    return names


def expressions() -> list[str]:
    """Every query of the dashboard, and of the rules."""
    dashboard: Any = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    found += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    rules = (MONITORING / "alerts.yml").read_text()
    return [*found, *re.findall(r"expr: (?:\|\n\s+)?(.+)", rules)]


def test_the_page_lists_what_there_is() -> None:
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert table == list(rows()), "renew it: python -m tests.monitoring.described"


def test_the_page_explains_every_reason() -> None:
    text = PAGE.read_text()
    assert [label for label in LABELS if f"`{label}`" not in text] == []


def test_queries_use_only_what_there_is() -> None:
    queries = expressions()
    assert len(queries) > 40
    for query in queries:
        used = set(re.findall(r"\b(?:callwarden|process)_[a-z_]+|\bup\b", query))
        assert used <= sample_names() | FOREIGN, query


def test_metrics_are_as_prometheus_wants_them() -> None:
    metrics = Metrics(version="0")
    metrics.registry.register(Readings(FakeDesk(), Sources(deliveries=lambda: (1, 2.0), watchdog_age=lambda: 1.0)))
    metrics.tool("lookup", 0.1, "ok")
    metrics.lag(0.001)
    # What libraries count has names that we do not choose.
    ours = CollectorRegistry()
    for collector in list(metrics.registry._collector_to_names):
        if "prometheus_client.gc" not in type(collector).__module__:
            ours.register(collector)
    promtool("check", "metrics", given=generate_latest(ours))


def test_rules_are_right_and_go_off_when_they_should() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(MONITORING / "alerts.yml"))
    assert "SUCCESS" in promtool("test", "rules", str(MONITORING / "alerts_test.yml"))


def test_every_alert_says_what_to_do() -> None:
    text = (MONITORING / "alerts.yml").read_text()
    count = text.count("- alert:")
    assert count == text.count("summary:") == text.count("description:") == text.count("severity: ") - 0
    assert set(re.findall(r"severity: (\w+)", text)) == {"page", "ticket"}


def test_panels_do_not_overlap() -> None:
    dashboard: Any = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
