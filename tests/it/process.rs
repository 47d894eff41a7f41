//! The program as an operator meets it: start, refusal to start, tools beside a running server, end.

use std::{net::TcpListener, time::Duration};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::process::{Process, fanfare};

/// Sends a GraphQL document with a token.
async fn graphql(server: &Process, token: &str, query: &str) -> (u16, Value) {
    let request = reqwest::Client::new()
        .post(server.url("/graphql"))
        .bearer_auth(token)
        .json(&json!({ "query": query }));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn stdout_of(folder: &std::path::Path, args: &[&str]) -> String {
    let output = fanfare(folder, args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The newcomer's second command works: a token made beside a running server that nothing was set for.
/// req: T03
#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_the_command_line_opens_the_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), &[]);
    let token = stdout_of(folder.path(), &["token", "--sub", "ada", "--name", "Ada"]);

    let (status, answer) =
        graphql(&server, &token, "{ viewer { userId } campaigns { nodes { name myRole } } }").await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["viewer"]["userId"], "ada");
    let campaigns = answer["data"]["campaigns"]["nodes"].as_array().unwrap();
    assert_eq!(campaigns.len(), 2, "the demo world is there: {answer}");

    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = fanfare(elsewhere.path(), &["token", "--sub", "ada"]).output().unwrap();
    let told = String::from_utf8(foreign.stderr).unwrap();
    assert!(!foreign.status.success() && told.contains("where the server was started"), "{told}");
    let secret = ["token", "--sub", "ada", "--jwt-secret", "another-secret-of-at-least-32-bytes"];
    let foreign = stdout_of(elsewhere.path(), &secret);
    assert_eq!(graphql(&server, &foreign, "{ viewer { userId } }").await.0, 401);
    assert!(stdout_of(folder.path(), &["doctor"]).contains("sound"));
}

/// req: N30
#[tokio::test(flavor = "multi_thread")]
async fn health_is_public_and_metrics_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), &[]);
    let get = async |url: String| reqwest::get(url).await.unwrap();
    assert_eq!(get(server.url("/healthz")).await.status(), 200);
    assert_eq!(get(server.url("/readyz")).await.status(), 200);
    assert_eq!(get(server.url("/metrics")).await.status(), 404);
    let text = get(format!("http://{}/metrics", server.admin)).await.text().await.unwrap();
    assert!(text.contains("# HELP store_queries_total"), "{text}");
}

/// What a container runs to learn whether its server works, without a shell or curl.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_asks_itself_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), &[]);
    let ask = |address: &str, args: &[&str]| {
        let mut command = fanfare(folder.path(), &["healthcheck", "--timeout", "10s"]);
        // An address that cannot be reached from outside is not asked through anybody's proxy.
        command.args(args).env("FANFARE_LISTEN", address).env("http_proxy", "http://127.0.0.1:1");
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    let everywhere = format!("0.0.0.0:{}", server.address.port());
    let (code, told) = ask(&everywhere, &[]);
    assert_eq!((code, told.contains("alive")), (Some(0), true), "{told}");
    let (code, told) = ask(&everywhere, &["--ready"]);
    assert_eq!((code, told.contains("database")), (Some(0), true), "{told}");

    drop(server);
    let (code, told) = ask(&everywhere, &[]);
    assert_eq!((code, told.contains("does not answer")), (Some(1), true), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = Process::start(folder.path(), &[("FANFARE_LOG_FORMAT", "json")]);
        server.signal(signal);
        let (status, logs) = server.wait();
        assert_eq!(status.code(), Some(0), "{logs}");
        let messages: Vec<Value> = logs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(messages.last().unwrap()["message"], "Stopped.", "{logs}");
        assert!(messages.iter().any(|line| line["message"] == "Drained."), "{logs}");
    }
}

#[test]
fn a_taken_port_is_told_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = fanfare(folder.path(), &["--listen", &address, "--admin-listen", "off"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&address) && told.contains("--listen 127.0.0.1:"), "{told}");
}

/// Two instances on a developer's machine need one other setting, not two.
#[tokio::test(flavor = "multi_thread")]
async fn in_development_a_taken_admin_port_is_replaced() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first_server = Process::start(first.path(), &[]);
    // The flag of `Process::start` asks for any port, so the taken one is asked for here.
    let mut command = fanfare(second.path(), &["--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", &first_server.admin.to_string()]);
    let server = Process::of(command);
    assert_ne!(server.admin, first_server.admin);
    let metrics = reqwest::get(format!("http://{}/metrics", server.admin)).await.unwrap();
    assert_eq!(metrics.status(), 200);
}

#[test]
fn a_tool_that_looks_for_a_database_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    for tool in [&["doctor"][..], &["epoch", "renew"], &["revoke", "ben"]] {
        let output = fanfare(folder.path(), tool).args(["--data-dir", "typo"]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("there is no database at") && told.contains("typo"), "{told}");
        assert!(!folder.path().join("typo").exists(), "{tool:?}");
    }
}

#[test]
fn a_database_that_cannot_be_opened_is_told_with_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "not a folder").unwrap();
    for (url, part) in [
        ("sqlite:file/fanfare.db", "sqlite:file/fanfare.db"),
        ("postgres://app:hunter2@127.0.0.1:1/fanfare", "postgres://app:***@127.0.0.1:1/fanfare"),
    ] {
        let output = fanfare(
            folder.path(),
            &["--listen", "127.0.0.1:0", "--admin-listen", "off", "--database-url", url],
        )
        .output()
        .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(part) && told.contains("FANFARE_DATABASE_URL"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_key_set_that_cannot_be_read_is_told_with_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--listen", "127.0.0.1:0", "--admin-listen", "off", "--jwks", "keys.json"];
    let output = fanfare(folder.path(), &args).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("keys.json") && told.contains("FANFARE_JWKS"), "{told}");
}

/// A database that other tools work on meanwhile is brought up to date, filled and given a new identity.
#[test]
fn the_tools_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| stdout_of(folder.path(), args);
    assert!(run(&["migrate"]).contains("up to date"));
    assert!(run(&["seed"]).contains("2 campaigns, 12 settlements, 60 structures"));
    assert!(run(&["seed"]).contains("; 0 of them were added now"));
    assert!(run(&["doctor"]).contains("sound"));
    let epochs = [run(&["epoch", "renew"]), run(&["epoch", "renew"])];
    assert_ne!(epochs[0], epochs[1]);

    let unknown = fanfare(
        folder.path(),
        &["token", "--sub", "ada", "--jwt-secret", "secret", "--scope", "events:publish everything"],
    )
    .output()
    .unwrap();
    let told = String::from_utf8(unknown.stderr).unwrap();
    assert!(!unknown.status.success() && told.contains("'everything'"), "{told}");
}

/// An operator beside a running server: it hears of a revocation without having been told.
// req: I8
#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_revoked_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), &[("FANFARE_HEAD_CHECK_INTERVAL", "200ms")]);
    let token = stdout_of(folder.path(), &["token", "--sub", "ada"]);
    let viewer = "{ viewer { userId } }";
    assert_eq!(graphql(&server, &token, viewer).await.0, 200);
    let told = stdout_of(folder.path(), &["revoke", "ada", "--reason", "A test"]);
    assert!(told.starts_with("Tokens of ada that were issued up to 20"), "{told}");
    let refused = async {
        loop {
            let (status, answer) = graphql(&server, &token, viewer).await;
            if status == 401 {
                return answer["code"].clone();
            }
        }
    };
    let code = tokio::time::timeout(Duration::from_secs(5), refused).await.expect("it hears of it");
    assert_eq!(code, "token_revoked");
    assert!(stdout_of(folder.path(), &["doctor"]).contains("sound"));
}

/// What an orchestrator counts on: never longer than its patience of 30 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_does_not_keep_it_alive() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), &[("FANFARE_DRAIN_TIMEOUT", "1s")]);
    let half = |address, text: &[u8]| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, text).unwrap();
        stream
    };
    let body = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    let head = b"GET /metrics HTTP/1.1\r\nHost: x\r\n";
    let _open = [half(server.address, body), half(server.address, head), half(server.admin, head)];
    // The server has read what is there once it answers somebody else who came later.
    for address in [server.address, server.admin] {
        assert_eq!(reqwest::get(format!("http://{address}/healthz")).await.unwrap().status(), 200);
    }
    let begun = std::time::Instant::now();
    server.signal(Signal::SIGTERM);
    let (status, logs) = server.wait();
    assert_eq!(status.code(), Some(0), "{logs}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {logs}", begun.elapsed());
}
