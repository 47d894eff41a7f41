//! What was measured, as a table for people and as JSON for everything else.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use serde::Serialize;

/// One number with its name and unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    pub value: f64,
}

/// What one scenario measured on one server in one round.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    pub scenario: String,
    pub server: String,
    /// Counted from 1.
    pub round: u32,
    pub figures: Vec<Figure>,
    /// What a reader must know to read the figures.
    pub remarks: Vec<String>,
}

/// A figure that should not be above or below a bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Goal {
    pub scenario: &'static str,
    pub figure: &'static str,
    pub bound: Bound,
}

/// On which side of a value, or of a peer's figure times a factor, a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Ceiling(f64),
    Floor(f64),
    CeilingOf { peer: &'static str, times: f64 },
    FloorOf { peer: &'static str, times: f64 },
}

/// The machine the figures were measured on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub kernel: String,
    /// Whether server and clients had a processor each.
    pub pinned: bool,
    /// Whether this program was built with optimizations; figures of one that was not say nothing.
    pub optimized: bool,
}

/// Everything that one call of `fanfare bench` measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub machine: Machine,
    pub runs: Vec<Run>,
}

impl Run {
    /// A run without figures yet.
    pub fn new(scenario: &str, server: &str) -> Self {
        Self {
            scenario: scenario.into(),
            server: server.into(),
            round: 1,
            figures: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &'static str, unit: &'static str, value: f64) -> &mut Self {
        self.figures.push(Figure { name, unit, value });
        self
    }

    /// Adds a figure, unless it could not be measured here.
    pub fn measured(&mut self, name: &'static str, unit: &'static str, value: Option<f64>) -> &mut Self {
        if let Some(value) = value {
            self.figure(name, unit, value);
        }
        self
    }

    /// Adds a remark.
    pub fn remark(&mut self, text: impl Into<String>) -> &mut Self {
        self.remarks.push(text.into());
        self
    }

    /// The value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }
}

impl Bound {
    /// Whether the value is on the right side; `None` when the peer it is measured by was not there.
    pub fn holds(self, value: f64, peers: impl Fn(&str) -> Option<f64>) -> Option<bool> {
        match self {
            Self::Ceiling(bound) => Some(value <= bound),
            Self::Floor(bound) => Some(value >= bound),
            Self::CeilingOf { peer, times } => peers(peer).map(|other| value <= other * times),
            Self::FloorOf { peer, times } => peers(peer).map(|other| value >= other * times),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ceiling(bound) => write!(f, "≤ {}", number(*bound)),
            Self::Floor(bound) => write!(f, "≥ {}", number(*bound)),
            Self::CeilingOf { peer, times } => write!(f, "≤ {} × {peer}", number(*times)),
            Self::FloorOf { peer, times } => write!(f, "≥ {} × {peer}", number(*times)),
        }
    }
}

impl Machine {
    /// This machine.
    pub fn here(pinned: bool) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            processor: model
                .map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            pinned,
            optimized: !cfg!(debug_assertions),
        }
    }
}

impl Report {
    /// The table: one row a figure, one column a server with the median of its rounds, and Fanfare's ratio to each
    /// peer. A goal is said to be met or missed by Fanfare's median.
    pub fn table(&self, goals: &[Goal]) -> String {
        let mut text = String::new();
        let Machine { processor, processors, kernel, pinned, optimized } = &self.machine;
        let pinned = if *pinned { "server and clients pinned to one each" } else { "not pinned" };
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "fanfare {} on {processors} × {processor}, Linux {kernel}; {pinned}",
            self.version
        );
        if !optimized {
            let _ = writeln!(text, "This program was built without optimizations: the figures say nothing.");
        }
        let mut scenarios: Vec<&str> = Vec::new();
        for run in &self.runs {
            if !scenarios.contains(&run.scenario.as_str()) {
                scenarios.push(&run.scenario);
            }
        }
        for scenario in scenarios {
            let runs: Vec<&Run> = self.runs.iter().filter(|run| run.scenario == scenario).collect();
            scenario_table(&mut text, scenario, &runs, goals);
        }
        text
    }
}

fn scenario_table(text: &mut String, scenario: &str, runs: &[&Run], goals: &[Goal]) {
    let mut servers: Vec<&str> = Vec::new();
    let mut names: Vec<(&str, &str)> = Vec::new();
    for run in runs {
        if !servers.contains(&run.server.as_str()) {
            servers.push(&run.server);
        }
        for figure in &run.figures {
            if !names.iter().any(|(name, _)| *name == figure.name) {
                names.push((figure.name, figure.unit));
            }
        }
    }
    servers.sort_by_key(|server| (*server != "fanfare", *server));
    let rounds = runs.iter().map(|run| run.round).max().unwrap_or(1);
    let _ = writeln!(
        text,
        "\n## {scenario}{}\n",
        if rounds > 1 { format!(" (median of {rounds})") } else { String::new() }
    );

    let mut rows = vec![header(&servers, !goals.is_empty())];
    for (name, unit) in names {
        let medians: Vec<Option<f64>> = servers.iter().map(|server| median(runs, server, name)).collect();
        let mut row = vec![if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }];
        row.extend(medians.iter().map(|value| value.map_or_else(|| "–".into(), number)));
        let own = medians.first().copied().flatten().filter(|_| compares(&servers));
        row.extend(medians.iter().skip(1).filter(|_| compares(&servers)).map(|other| match (own, other) {
            (Some(own), Some(other)) if *other != 0.0 => format!("{:.2}", own / other),
            (Some(_) | None, Some(_) | None) => "–".into(),
        }));
        let told =
            goals.iter().filter(|goal| goal.scenario == scenario && goal.figure == name).filter_map(|goal| {
                let held = goal.bound.holds(own?, |peer| median(runs, peer, name))?;
                Some(format!("{}: {}", goal.bound, if held { "met" } else { "MISSED" }))
            });
        let told = told.collect::<Vec<_>>().join("; ");
        row.extend((!goals.is_empty()).then_some(told));
        rows.push(row);
    }
    write_rows(text, &rows);
    let mut remarks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for run in runs {
        for remark in &run.remarks {
            let told = remarks.entry(&run.server).or_default();
            if !told.contains(&remark.as_str()) {
                told.push(remark);
            }
        }
    }
    for (server, told) in remarks {
        for remark in told {
            let _ = writeln!(text, "* {server}: {remark}");
        }
    }
}

/// Whether Fanfare is among the servers: peers are not compared with each other.
fn compares(servers: &[&str]) -> bool {
    servers.first() == Some(&"fanfare")
}

fn header(servers: &[&str], goals: bool) -> Vec<String> {
    let mut row = vec![String::new()];
    row.extend(servers.iter().map(|server| (*server).to_owned()));
    row.extend(
        servers.iter().skip(1).filter(|_| compares(servers)).map(|server| format!("fanfare ÷ {server}")),
    );
    row.extend(goals.then(|| "goal".to_owned()));
    row
}

fn write_rows(text: &mut String, rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    // Figures stand under each other by their last digit; names and goals begin at the left.
    let goals = rows.first().and_then(|row| row.last()).is_some_and(|name| name == "goal");
    let is_text = |at: usize| at == 0 || (goals && at + 1 == columns);
    let widths: Vec<usize> =
        (0..columns).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    for (nth, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let gap = " ".repeat(width - cell.chars().count());
            if is_text(at) { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
        });
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        if nth == 0 {
            let rules = widths.iter().enumerate().map(|(at, width)| {
                format!("{}{}", "-".repeat(width + 1), if is_text(at) { '-' } else { ':' })
            });
            let _ = writeln!(text, "|{}|", rules.collect::<Vec<_>>().join("|"));
        }
    }
}

/// The median over a server's rounds.
fn median(runs: &[&Run], server: &str, figure: &str) -> Option<f64> {
    let own = runs.iter().filter(|run| run.server == server);
    let mut values: Vec<f64> = own.filter_map(|run| run.value(figure)).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// As many digits as a reader needs.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(server: &str, round: u32, latency: f64) -> Run {
        let mut run = Run { round, ..Run::new("fanout", server) };
        run.figure("p99", "ms", latency).remark("as it is");
        run
    }

    #[test]
    fn the_table_compares_medians_and_judges_goals() {
        let runs = vec![
            run("node", 1, 20.0),
            run("fanfare", 1, 11.0),
            run("fanfare", 2, 90.0),
            run("node", 2, 20.0),
            run("fanfare", 3, 10.0),
        ];
        let report = Report { version: "0", machine: Machine::here(true), runs };
        let goal = |bound| [Goal { scenario: "fanout", figure: "p99", bound: Bound::Ceiling(bound) }];
        let table = report.table(&goal(25.0));
        let row = table.lines().find(|line| line.contains("p99")).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells, ["", "p99 (ms)", "11", "20", "0.55", "≤ 25: met", ""]);
        assert!(report.table(&goal(10.5)).contains("≤ 10.5: MISSED"));
        let than = |peer, times| {
            let bound = Bound::CeilingOf { peer, times };
            report.table(&[Goal { scenario: "fanout", figure: "p99", bound }])
        };
        assert!(than("node", 0.6).contains("≤ 0.60 × node: met"));
        assert!(than("node", 0.5).contains("≤ 0.50 × node: MISSED"));
        assert!(!than("absent", 1.0).contains("absent"));
        assert!(table.contains("(median of 3)"));
        assert_eq!(table.matches("as it is").count(), 2);
    }

    #[test]
    fn peers_alone_are_neither_compared_nor_judged() {
        let report = Report {
            version: "0",
            machine: Machine::here(true),
            runs: vec![run("a", 1, 1.0), run("b", 1, 2.0)],
        };
        let goal = [Goal { scenario: "fanout", figure: "p99", bound: Bound::Ceiling(25.0) }];
        let table = report.table(&goal);
        assert!(!table.contains('÷') && !table.contains("met"), "{table}");
        assert!(!report.table(&[]).contains("goal"));
    }

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (1_234_567.8, "1,234,568"),
            (0.056, "0.06"),
            (12.34, "12.3"),
            (100.0, "100"),
            (-1234.5, "-1,234"),
            (0.0, "0"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
