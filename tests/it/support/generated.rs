//! Files in the repository that are made from the code: a test compares, `make gen` writes.

use std::{fs, path::PathBuf};

/// The environment variable that makes the comparisons write instead.
const WRITE: &str = "UPDATE_GENERATED";

/// Asserts that the file `path` (from the repository's root) is `expected`; with `UPDATE_GENERATED=1` writes it.
pub fn assert_file(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os(WRITE).is_some() {
        write(&file, expected);
    } else {
        compare(path, &fs::read_to_string(&file).unwrap_or_default(), expected);
    }
}

/// Asserts that between `<!-- {name}:begin -->` and `<!-- {name}:end -->` the file says `expected`, or writes it there.
pub fn assert_section(path: &str, name: &str, expected: &str) {
    let file = root().join(path);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let start = text.find(&begin).unwrap_or_else(|| panic!("{path} has no line {begin:?}")) + begin.len();
    let stop = text[start..].find(&end).unwrap_or_else(|| panic!("{path} has no {end:?}")) + start;
    if std::env::var_os(WRITE).is_some() {
        write(&file, &format!("{}{expected}{}", &text[..start], &text[stop..]));
    } else {
        compare(path, &text[start..stop], expected);
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn write(file: &PathBuf, text: &str) {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
    }
    fs::write(file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}

fn compare(path: &str, actual: &str, expected: &str) {
    let difference = actual.lines().zip(expected.lines()).find(|(is, should)| is != should);
    let (is, should) = difference.unwrap_or(("the end, or more than there should be", "another length"));
    assert!(
        actual == expected,
        "{path} is not current, run `make gen`\n  it says   {is}\n  should be {should}"
    );
}
