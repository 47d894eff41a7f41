//! The committed description of the HTTP surface.

use crate::support::generated::assert_file;

// req: T28
#[test]
fn docs_openapi_json_is_current() {
    let document = fanfare::api::openapi().to_pretty_json().expect("a description is JSON");
    assert_file("docs/openapi.json", &format!("{document}\n"));
}
