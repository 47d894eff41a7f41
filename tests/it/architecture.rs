//! The structure of the source, checked by reading it: who imports whom, which library lives where,
//! how long files are, which metrics are described.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::support::generated::root;

/// What a module may import of ours. Tests inside a module may import more.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("clock", &[]),
    ("store", &["protocol", "clock"]),
    ("access", &["protocol", "store", "clock"]),
    ("bus", &["protocol", "store"]),
    ("hub", &["protocol", "store", "bus", "access", "clock"]),
    ("world", &["protocol", "store", "bus", "access", "clock", "hub"]),
    ("users", &["protocol", "store", "bus", "access", "clock"]),
    ("gateway", &["protocol", "store", "bus", "access", "clock", "hub", "world"]),
    ("api", &["protocol", "store", "bus", "access", "clock", "hub", "world", "users"]),
    ("config", &["access", "bus"]),
    ("telemetry", &["config"]),
];

/// Modules that put the others together and may import all of them.
const COMPOSERS: &[&str] = &["app", "lib", "main", "cli", "bench"];

/// Libraries that have one home, so that they can be replaced there. Composers may name their types.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("redis", &["bus"]),
    ("socketioxide", &["gateway"]),
    ("engineioxide", &["gateway"]),
    ("axum", &["api"]),
    ("async_graphql", &["api"]),
    ("async_graphql_axum", &["api"]),
    ("utoipa_axum", &["api"]),
    ("utoipa_swagger_ui", &["api"]),
    ("rust_embed", &["api"]),
    ("jsonwebtoken", &["access"]),
    ("clap", &["config"]),
    ("dotenvy", &["config"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("tracing_subscriber", &["telemetry", "config"]),
];

/// Files that are longer than 400 lines without their tests, each with the reason why.
const LONG_FILES: &[(&str, &str)] =
    &[("gateway/lane.rs", "one queue with its socket: its states only make sense together")];

const LONG: usize = 400;

/// A source file without its tests and comments.
struct Source {
    path: String,
    module: String,
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.extend(source(&path));
            }
        }
    }
    assert!(found.len() > 20, "the source was not found");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The file, unless it is a file of tests.
fn source(path: &Path) -> Option<Source> {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    let in_tests = relative.iter().any(|part| part == "tests");
    let name = path.file_stem()?.to_str()?;
    if in_tests || name == "tests" || name.ends_with("_tests") {
        return None;
    }
    let module = relative.iter().next()?.to_str()?.trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: Vec<&str> = before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    Some(Source {
        path: relative.display().to_string(),
        module,
        code: code.join("\n"),
        lines: before_tests.lines().count(),
    })
}

/// The modules of ours that the code names: `crate::hub::…` and `use crate::{hub::…, store}` alike.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + start.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(heads_of_group(group)),
            None => found.extend(identifier(rest)),
        }
    }
    found
}

/// The first name of each path in `a::b, c::{d, e}, f}…`.
fn heads_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut at_start) = (0_usize, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                heads.extend(identifier(&group[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn names_library(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + library.len()..];
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.' || c == '"')
            && (after.starts_with("::") || after.starts_with(';') && code[..at].ends_with("use "))
    })
}

#[test]
fn modules_import_only_what_is_below_them() {
    let rules: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        if COMPOSERS.contains(&source.module.as_str()) {
            continue;
        }
        let Some(allowed) = rules.get(source.module.as_str()) else {
            wrong.push(format!("{}: no rule says what module '{}' may import", source.path, source.module));
            continue;
        };
        for import in imports(&source.code) {
            let ours = rules.contains_key(import.as_str()) || COMPOSERS.contains(&import.as_str());
            if ours && import != source.module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the direction of docs/architecture.md:\n{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_homes() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (library, homes) in HOMES {
            let at_home =
                homes.contains(&source.module.as_str()) || COMPOSERS.contains(&source.module.as_str());
            if !at_home && names_library(&source.code, library) {
                wrong.push(format!("{} uses {library}, whose home is {}", source.path, homes.join(" or ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_small() {
    let mut wrong = Vec::new();
    for source in sources() {
        let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        if source.lines > LONG && !excused {
            wrong.push(format!(
                "{} has {} lines without its tests: more than one concept?",
                source.path, source.lines
            ));
        } else if source.lines <= LONG && excused {
            wrong.push(format!("{} is no longer long: take it off the list", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A metric that nobody describes is found by nobody, and one that is only described misleads.
#[test]
fn every_metric_is_described_and_counted() {
    let described: BTreeSet<String> =
        fanfare::telemetry::METRICS.iter().map(|row| row.name.to_owned()).collect();
    let mut counted = BTreeSet::new();
    for source in sources() {
        for (kind, start) in
            ["counter!(", "gauge!(", "histogram!("].iter().flat_map(|k| source.code.match_indices(k))
        {
            let name = source.code[kind + start.len()..].trim_start().strip_prefix('"');
            counted.extend(name.and_then(|name| name.split('"').next()).map(str::to_owned));
        }
    }
    let missing: Vec<_> = counted.difference(&described).collect();
    assert!(missing.is_empty(), "describe in src/telemetry/metrics.rs: {missing:?}");
    let idle: Vec<_> = described.difference(&counted).collect();
    assert!(idle.is_empty(), "described in src/telemetry/metrics.rs, but counted nowhere: {idle:?}");
}

#[test]
fn the_reader_of_imports_reads_them_all() {
    let code =
        "use crate::{access::Grant, hub::{self, Hub}, store};\nlet x = crate::clock::Clock; $crate::bus::y;";
    let found: Vec<String> = imports(code).into_iter().collect();
    assert_eq!(found, ["access", "clock", "hub", "store"]);
    assert!(names_library("use axum::Router;", "axum"));
    assert!(names_library("fn f(r: axum::Router)", "axum"));
    assert!(!names_library("async_graphql_axum::x(); \"axum::\"", "axum"));
}
