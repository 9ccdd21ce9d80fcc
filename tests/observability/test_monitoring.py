"""What operators are given to watch with: every alert fires once, and none on an ordinary day."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from typer import Context
from typer.main import get_command

from saleor_amazonpay import cli
from saleor_amazonpay.observability.metrics import Metrics

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "examples" / "monitoring"
ALERTS = MONITORING / "alerts.yaml"
RULES = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text("utf-8"))
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]

NAME = "saleor_amazonpay_"
UP = 'up{job="saleor-amazonpay", instance="1"}'
CALLS = f'{NAME}cv2_seconds_count{{operation="complete_checkout_session", result="%s"}}'
SLOW_WEBHOOKS = [(f'{NAME}webhook_seconds_bucket{{le="{le}"}}', f"0+{grows}x600") for le, grows in
                 (("0.5", 1), ("8.0", 1), ("12.0", 10), ("+Inf", 10))]  # fmt: skip
LATE_REPORTS = [(f'{NAME}report_lag_seconds_bucket{{le="{le}"}}', f"0+{grows}x600") for le, grows in
                (("60.0", 0), ("300.0", 0), ("1800.0", 5), ("+Inf", 5))]  # fmt: skip

# What must be seen, a value every five minutes over more than two days, for each alert to fire at the end.
FIRES = {
    "AmazonPayAppDown": [(UP, "0x600")],
    "AmazonPayWebhookFaults": [(f'{NAME}webhook_seconds_count{{outcome="fault"}}', "0+1x600")],
    "AmazonPayWebhooksSlow": SLOW_WEBHOOKS,
    "AmazonPayOverloaded": [(f'{NAME}webhook_seconds_count{{outcome="overloaded"}}', "0+1x600")],
    "AmazonPayUnresolved": [(CALLS % "unresolved", "0+4x600")],
    "AmazonPayUnavailable": [(CALLS % "unavailable", "0+3x600"), (CALLS % "done", "0+1x600")],
    "AmazonPayDeclinesJump": [(f'{NAME}declines_total{{reason_code="AmazonRejected"}}', "0+0x580 0+5x20")],
    "AmazonPayReportsDead": [(f'{NAME}reports_total{{outcome="dead"}}', "0+1x600")],
    "AmazonPayReportsLate": LATE_REPORTS,
    "AmazonPayJobsStuck": [(f"{NAME}jobs_oldest_seconds", "0+60x600")],
    "AmazonPayJobsPilingUp": [(f"{NAME}jobs_waiting", "900x600")],
    "AmazonPayJobsDead": [(f"{NAME}jobs_dead", "1x600")],
    "AmazonPaySweepFails": [(f'{NAME}swept_total{{sweep="drift", outcome="failed"}}', "0+1x600")],
    "AmazonPayDrift": [(f"{NAME}drift_payments", "2x600")],
    "AmazonPayProblems": [(f'{NAME}problems_total{{kind="key"}}', "0+1x600")],
    "AmazonPayThrottled": [(f'{NAME}throttled_total{{operation="capture_charge", by="amazon"}}', "0+10x600")],
    "AmazonPayForgeries": [(f'{NAME}signature_failures_total{{sender="saleor"}}', "0+30x600")],
    "AmazonPayNoNotifications": [(f"{NAME}notification_timestamp_seconds", "60x600"), (CALLS % "done", "0+1x600")],
    "AmazonPayMemory": [('process_resident_memory_bytes{job="saleor-amazonpay"}', "900000000x600")],
}

AN_ORDINARY_DAY = [
    (UP, "1x600"),
    *((f'{NAME}webhook_seconds_bucket{{le="{le}"}}', "0+20x600") for le in ("0.5", "8.0", "12.0", "+Inf")),
    (f'{NAME}webhook_seconds_count{{outcome="charge_success"}}', "0+20x600"),
    (CALLS % "done", "0+20x600"),
    (CALLS % "unresolved", "0+1x1 0+0x599"),
    (f'{NAME}declines_total{{reason_code="AmazonRejected"}}', "0+1x600"),
    (f'{NAME}reports_total{{outcome="delivered"}}', "0+3x600"),
    *((f'{NAME}report_lag_seconds_bucket{{le="{le}"}}', "0+3x600") for le in ("60.0", "300.0", "+Inf")),
    (f"{NAME}jobs_oldest_seconds", "2x600"),
    (f"{NAME}jobs_waiting", "3x600"),
    (f"{NAME}jobs_dead", "0x600"),
    (f'{NAME}swept_total{{sweep="drift", outcome="done"}}', "0+9x600"),
    (f"{NAME}drift_payments", "0x600"),
    (f"{NAME}notification_timestamp_seconds", "0+300x600"),
    ('process_resident_memory_bytes{job="saleor-amazonpay"}', "110000000x600"),
]


def run_promtool(*arguments):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def evaluated(tmp_path, series, expected):
    """Whether exactly the ``expected`` alerts fire at the end of the series."""
    times = [{"eval_time": "2990m", "alertname": rule["alert"], "exp_alerts": []} for rule in RULES]
    for check in times:
        if check["alertname"] in expected:
            check["exp_alerts"] = [expected[check["alertname"]]]
    test = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "5m",
        "tests": [
            {
                "interval": "5m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "alert_rule_test": times,
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test), "utf-8")
    return run_promtool("test", "rules", tmp_path / "test.yaml")


def test_the_rules_are_read_by_prometheus():
    checked = run_promtool("check", "rules", ALERTS)
    assert checked.returncode == 0, checked.stderr


def test_every_alert_has_its_case_and_says_what_to_do():
    assert sorted(FIRES) == sorted(rule["alert"] for rule in RULES)
    for rule in RULES:
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in {"page", "warn", "info"}


RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


class TestRunbook:
    def test_every_alert_has_its_section_and_every_section_its_alert(self):
        assert sorted(SECTIONS) == sorted(rule["alert"] for rule in RULES)

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
    def test_it_says_how_urgent_it_is_and_what_to_do(self, rule):
        text = SECTIONS[rule["alert"]]
        severity = rule["labels"]["severity"]
        assert text.startswith(f"`{severity}`.")
        assert severity == "info" or text.count("\n1. ") == 1

    def test_it_names_only_commands_and_log_lines_that_exist(self):
        text = RUNBOOK
        command = get_command(cli.app)
        known = set(command.list_commands(Context(command)))
        typed = set(re.findall(r"`saleor-amazonpay (\w+)", text)) | set(re.findall(r" saleor-amazonpay (\w+)`", text))
        assert typed
        assert typed <= known
        code = "".join(path.read_text("utf-8") for path in (ROOT / "saleor_amazonpay").rglob("*.py"))
        logged = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text)) - {"reason_code", "request_id", "event_name"}
        assert {name for name in logged if f'"{name}"' not in code and not name.startswith(NAME)} == set()


@pytest.mark.parametrize("alert", FIRES)
def test_it_fires(tmp_path, alert):
    rule = next(rule for rule in RULES if rule["alert"] == alert)
    labels = {"severity": rule["labels"]["severity"], **_kept_labels(rule["expr"], FIRES[alert][0][0])}
    series = FIRES[alert] if alert == "AmazonPayAppDown" else [*FIRES[alert], (UP, "1x600")]
    told = evaluated(tmp_path, series, {alert: {"exp_labels": labels, "exp_annotations": rule["annotations"]}})
    assert told.returncode == 0, told.stdout + told.stderr


def _kept_labels(expression, series):
    """Labels the alert has besides its own: those it sums by."""
    labels = dict(re.findall(r'(\w+)="([^"]*)"', series))
    by = re.search(r"^sum by \((\w+)\)", expression)
    return {name: labels[name] for name in by.groups()} if by else {}


def test_none_fires_on_an_ordinary_day(tmp_path):
    told = evaluated(tmp_path, AN_ORDINARY_DAY, {})
    assert told.returncode == 0, told.stdout + told.stderr


class TestDashboard:
    def test_prometheus_reads_every_expression(self, tmp_path):
        rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(EXPRESSIONS)]
        (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
        checked = run_promtool("check", "rules", tmp_path / "panels.yaml")
        assert checked.returncode == 0, checked.stderr

    def test_panels_do_not_overlap(self):
        seen = set()
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & seen, panel["title"]
            seen |= cells


def test_only_metrics_that_exist_are_watched_and_all_of_ours_are():
    families = re.findall(r"^# TYPE (\w+) (\w+)$", Metrics().render().decode(), re.MULTILINE)
    ours = {name for name, _ in families if name.startswith(NAME) and not name.endswith("_created")}
    watched = set(re.findall(rf"{NAME}\w+", " ".join([*EXPRESSIONS, *(rule["expr"] for rule in RULES)])))
    watched = {re.sub(r"_(count|bucket|sum)$", "", name) for name in watched}
    assert watched == ours
