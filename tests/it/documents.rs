//! The documents: complete where they list something, current where they are made from the code, and
//! without links into nowhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use fanfare::{
    protocol::{Command, EventType, Role, RoomKind},
    telemetry::{METRICS, MetricKind},
};

use crate::support::generated::{self, root};

/// Folders that hold nothing of ours, or nothing to read.
const SKIPPED: [&str; 6] = ["target", "node_modules", ".git", "data", "dist", ".venv"];

fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap_or_default();
            if path.is_dir() && !SKIPPED.contains(&name) {
                folders.push(path);
            } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Every name that goes over the wire stands in the contract.
#[test]
fn the_contract_names_everything_on_the_wire() {
    let contract = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let problems = fs::read_to_string(root().join("src/protocol/problem.rs")).unwrap();
    let notices = fs::read_to_string(root().join("src/protocol/notice.rs")).unwrap();
    let codes = names_in_matches(&problems);
    let notices = names_in_matches(&notices);
    assert!(codes.contains("not_found") && notices.contains("welcome"), "{codes:?} {notices:?}");

    let mut names: BTreeSet<&str> = codes.union(&notices).copied().collect();
    names.extend(Command::NAMES);
    names.extend(EventType::ALL.map(EventType::name));
    names.extend(Role::ALL.map(Role::name));
    names.retain(|name| {
        !contract.contains(&format!("`{name}`")) && !contract.contains(&format!("`{name} {{"))
    });
    assert!(names.is_empty(), "docs/protocol.md does not explain {names:?}");
    for kind in RoomKind::ALL {
        assert!(contract.contains(kind.name()));
    }
}

/// The texts of `Self::Something => "text",` lines.
fn names_in_matches(code: &str) -> BTreeSet<&str> {
    let arms = code.lines().filter(|line| line.trim_start().starts_with("Self::"));
    arms.filter_map(|arm| arm.split("=> \"").nth(1)?.split('"').next()).collect()
}

#[test]
fn the_list_of_metrics_is_current() {
    let mut table = String::from("| metric | kind | labels | what |\n|---|---|---|---|\n");
    for row in METRICS {
        let kind = match row.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Seconds | MetricKind::Size => "histogram",
        };
        let labels = row.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        writeln!(table, "| `{}` | {kind} | {labels} | {} |", row.name, row.help).unwrap();
    }
    generated::assert_section("docs/operations.md", "metrics", &table);
}

#[test]
fn the_list_of_decisions_is_current() {
    let (mut table, mut numbers) = (String::new(), BTreeSet::new());
    for path in files(&["md"]) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if relative(&path).starts_with("docs/adr/") && name.as_bytes()[0].is_ascii_digit() {
            let text = fs::read_to_string(&path).unwrap();
            let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
            let (number, title) =
                (&name[..4], title.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' '));
            assert!(numbers.insert(number.to_owned()), "two decisions have the number {number}");
            writeln!(table, "| {number} | [{title}]({name}) |").unwrap();
        }
    }
    generated::assert_section("docs/adr/README.md", "adr", &table);
}

/// The last column of the requirements names the tests that carry `req: ID`.
#[test]
fn the_list_of_requirements_is_current() {
    let shown = requirements_in_tests();
    let path = "docs/requirements.md";
    let text = fs::read_to_string(root().join(path)).unwrap();
    let mut known = BTreeSet::new();
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let id = cells[0].trim_start_matches("| ").to_owned();
        if !is_requirement(&id) {
            lines.push(line.to_owned());
            continue;
        }
        let tests = shown.get(&id).map(|tests| tests.iter().cloned().collect::<Vec<_>>().join("<br>"));
        lines.push(format!("| {id} | {} | {} |", cells[1], tests.unwrap_or_default()).replace("|  |", "| |"));
        assert!(known.insert(id.clone()), "{id} stands twice in {path}");
    }
    generated::assert_file(path, &(lines.join("\n") + "\n"));
    let unknown: Vec<_> = shown.keys().filter(|id| !known.contains(*id)).collect();
    assert!(unknown.is_empty(), "tests name requirements that {path} does not have: {unknown:?}");
}

fn is_requirement(text: &str) -> bool {
    text.len() == 3
        && text.starts_with(['N', 'B', 'T', 'D', 'P'])
        && text[1..].bytes().all(|b| b.is_ascii_digit())
}

/// Requirement → the tests that show it, as `file: test`.
fn requirements_in_tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files(&["rs", "ts", "tsx", "js", "mjs", "py"]) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let line = line.trim_start();
            let comment = ["//", "#", "*"].iter().any(|start| line.starts_with(start));
            let Some((_, ids)) = line.split_once("req: ").filter(|_| comment) else { continue };
            // The comment stands right above its test, or at the top of a file that is all about it.
            let below = if line.starts_with("//!") { &[] } else { &lines[at..lines.len().min(at + 6)] };
            let test = below.iter().find_map(|line| test_name(line));
            let place = relative(&path);
            let place = test.map_or(format!("`{place}`"), |test| format!("`{place}`: {test}"));
            for id in ids.split(|c: char| !c.is_alphanumeric()).filter(|id| is_requirement(id)) {
                shown.entry(id.to_owned()).or_default().insert(place.replace('|', "/"));
            }
        }
    }
    shown
}

/// The name of the test that a line begins.
fn test_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    let line = line.trim_start_matches("pub ").trim_start_matches("async ");
    for word in ["fn ", "def "] {
        if let Some(rest) = line.strip_prefix(word) {
            return Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    for call in ["test(", "it(", "describe("] {
        if let Some(rest) = line.strip_prefix(call) {
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
            return rest[1..].split(quote).next().map(str::to_owned);
        }
    }
    None
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for path in files(&["md"]) {
        let text = fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:") || file.is_empty();
            if !outside && !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{} → {target}", relative(&path)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
