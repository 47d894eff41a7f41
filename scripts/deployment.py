#!/usr/bin/env python3
"""What no other program can know about the files that run Fanfare: that the metrics, labels, settings and alerts which
they name are the server's, that nothing but the balancer is public, that every image has a version.

The server's metrics and settings are read from docs/operations.md and .env.example, which tests keep current."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
# Labels that Prometheus adds, or a histogram has.
GIVEN = {"instance", "job", "le", "alertname", "alertstate"}
FOREIGN = {"up", "ALERTS"}
wrong = []


def read(path):
    return (ROOT / path).read_text()


def metrics():
    """Name → (kind, labels) of every metric that the server declares."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| ", read("docs/operations.md"), re.M)
    return {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows}


def dashboard_queries(path):
    board = json.loads(read(path))
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"{path}, {panel['title']}", target["expr"]
        if panel["type"] != "row" and not panel.get("description"):
            wrong.append(f"{path}: the panel {panel['title']} is not explained")
    for annotation in board["annotations"]["list"]:
        yield f"{path}, {annotation['name']}", annotation["expr"]
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        wrong.append(f"{path}: two panels have one id")


def check_query(where, query, known, source):
    """Every name in the query is a metric, used as its kind wants, with labels that it has."""
    if "__rate_interval" in query and "$__rate_interval" not in query:
        wrong.append(f"{where}: a variable without its $")
    # What remains of a query without its strings, durations, functions, label lists and words.
    bare = re.sub(r"\{[^}]*\}", "", query)
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    grouped = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", bare)
    bare = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\b\w+\s*\(", "(", bare)
    names = set(re.findall(r"[A-Za-z_:]\w*", bare)) - {"and", "or", "unless", "bool", "inf", "Inf"}
    labels = set(GIVEN)
    for name in names:
        stem = re.sub(r"_(bucket|sum|count)$", "", name)
        if name in FOREIGN:
            continue
        if name in known and known[name][0] != "histogram":
            kind, own = known[name]
        elif stem in known and known[stem][0] == "histogram" and stem != name:
            kind, own = "counter", known[stem][1]
        else:
            wrong.append(f"{where}: the server has no metric {name}")
            continue
        labels.update(own)
        counted = re.search(rf"\b(?:rate|increase)\({name}\b", query)
        if (kind == "counter") != bool(counted):
            wrong.append(f"{where}: {name} is a {kind}")
        for selector in re.findall(rf"\b{name}\{{([^}}]*)\}}", query):
            for label, values in re.findall(r'(\w+)\s*[=!]~?\s*"([^"]*)"', selector):
                if label not in set(own) | GIVEN:
                    wrong.append(f"{where}: {name} has no label {label}")
                elif label not in GIVEN | {"status", "route"}:
                    missing = [value for value in values.split("|") if f'"{value}"' not in source]
                    wrong.extend(f"{where}: no {label} of {name} is {value}" for value in missing)
    for label in re.split(r"[\s,]+", " ".join(grouped)):
        if label and label not in labels:
            wrong.append(f"{where}: nothing in the query has the label {label}")


def check_syntax(queries):
    """Prometheus itself reads every query of the dashboard."""
    plain = [re.sub(r"\$__(rate_interval|interval|range)", "5m", query) for _, query in queries]
    rules = [{"record": f"dashboard:query{at}", "expr": query} for at, query in enumerate(plain)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        result = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
    if result.returncode != 0:
        wrong.append(f"the dashboard: {result.stdout}{result.stderr}")


def check_alerts(rules):
    """Each alert is played by a test and explained in the operations guide, and nothing else is."""
    names = [rule["alert"] for rule in rules]
    played = set(re.findall(r"alertname: (\w+)", read("deploy/prometheus/alerts_test.yml")))
    told = set(re.findall(r"^\| `(Fanfare\w+)` ", read("docs/operations.md"), re.M))
    for what, found in (("played by alerts_test.yml", played), ("explained in docs/operations.md", told)):
        wrong.extend(f"the alert {name} is not {what}" for name in names if name not in found)
        wrong.extend(f"there is no alert {name}, {what}" for name in found if name not in names)


# req: N28
def check_settings():
    """Every setting that the files name is the server's."""
    known = set(re.findall(r"^#(FANFARE_\w+)=", read(".env.example"), re.M))
    files = ["docker-compose.yml", "Dockerfile", "scripts/cluster.sh", "deploy/secrets.sh"]
    files += [str(path.relative_to(ROOT)) for path in (ROOT / "deploy/kubernetes").iterdir()]
    ours = {"FANFARE_VERSION", "FANFARE_BIN", "FANFARE_URL"}
    for path in files:
        for name in set(re.findall(r"\bFANFARE_[A-Z_]+[A-Z]\b", read(path))) - known - ours:
            wrong.append(f"{path}: there is no setting {name}")


# req: N29
def check_compose():
    """Redis and all the others are there, watched, and closed to everybody outside."""
    compose = yaml.safe_load(read("docker-compose.yml"))
    needed = {"nginx", "fanfare-1", "fanfare-2", "postgres", "redis", "prometheus", "grafana"}
    wrong.extend(f"docker-compose.yml: {name} is missing" for name in needed - compose["services"].keys())
    for name, service in compose["services"].items():
        image = service["image"]
        built = image.startswith("fanfare:")
        if not built and (":" not in image or image.endswith(":latest")):
            wrong.append(f"docker-compose.yml: the image of {name} has no version")
        public = [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
        if public and name != "nginx":
            wrong.append(f"docker-compose.yml: {name} is public")
        if "healthcheck" not in service:
            wrong.append(f"docker-compose.yml: {name} has no health check")
        if not {"read_only", "security_opt"} & service.keys():
            wrong.append(f"docker-compose.yml: {name} may do everything")
    proxies = compose["x-settings"]["FANFARE_TRUSTED_PROXIES"]
    if compose["services"]["nginx"]["networks"]["front"]["ipv4_address"] != proxies:
        wrong.append("docker-compose.yml: the instances believe another address than nginx's")


def check_termination():
    """An orchestrator's patience is longer than the 30 s in which an instance ends."""
    deployment = yaml.safe_load(read("deploy/kubernetes/deployment.yaml"))["spec"]["template"]["spec"]
    pause = deployment["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    if deployment["terminationGracePeriodSeconds"] < pause + 30:
        wrong.append("deploy/kubernetes: a pod is killed before it has ended")
    grace = yaml.safe_load(read("docker-compose.yml"))["x-instance"]["stop_grace_period"]
    if int(grace.removesuffix("s")) < 30:
        wrong.append("docker-compose.yml: an instance is killed before it has ended")


def main():
    known, source = metrics(), "".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
    groups = yaml.safe_load(read("deploy/prometheus/alerts.yml"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    boards = list(dashboard_queries("deploy/grafana/dashboards/fanfare.json"))
    for where, query in boards + [(rule["alert"], rule["expr"]) for rule in rules]:
        check_query(where, query, known, source)
    check_syntax(boards)
    check_alerts(rules)
    check_settings()
    check_compose()
    check_termination()
    for line in wrong:
        print(line)
    print(f"{len(boards) + len(rules)} queries, {len(rules)} alerts, {len(known)} metrics: {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
