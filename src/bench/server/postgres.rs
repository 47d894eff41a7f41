//! A PostgreSQL for the scenarios with several servers: Debian's programs, loopback only, on the disk that is to be
//! measured.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Signal, getuid};

use super::{
    child::ChildServer,
    fanfare::free_address,
    usage::{self, Usage},
};
use crate::bench::error::BenchError;

/// A running `postgres` with an empty database. It ends with its value.
#[derive(Debug)]
pub struct Postgres {
    child: ChildServer,
    url: String,
}

/// Whom the server runs as where this program runs as root, which PostgreSQL refuses.
struct User {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// Makes a database in `folder` and starts its server, bound to a processor if one is named. Waits until it is ready.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(folder: &Path, core: Option<usize>) -> Result<Self, BenchError> {
        let failed = |what: String| BenchError::Server { server: "PostgreSQL".into(), what };
        let programs =
            programs().ok_or_else(|| failed("it is not installed: apt-get install postgresql".into()))?;
        let user = other_user().map_err(BenchError::machine("read /etc/passwd"))?;
        if let Some(user) = &user {
            // Whoever the server is must reach the folder, through those above it as well.
            let above = folder.parent().unwrap_or(folder);
            chown(folder, Some(user.uid), Some(user.gid))
                .and_then(|()| fs::set_permissions(above, fs::Permissions::from_mode(0o711)))
                .map_err(BenchError::machine(format!("give {} to the database's user", folder.display())))?;
        }
        let data = folder.join("data");
        let made = as_user(user.as_ref(), &programs.join("initdb"))
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=fanfare", "-D"])
            .arg(&data)
            .current_dir(folder)
            .output()
            .map_err(BenchError::machine("start initdb"))?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(failed(format!(
                "initdb failed in {} (when this is root, others must be able to pass through the folders above it): {}",
                folder.display(),
                said.trim()
            )));
        }
        let address = free_address()?;
        let mut command = as_user(user.as_ref(), &programs.join("postgres"));
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &address.port().to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            .args(["-c", "logging_collector=off"])
            .env("LC_ALL", "C")
            .current_dir(folder);
        // At SIGTERM it would wait for its clients.
        let mut child = ChildServer::start(command, folder, core)?.ended_by(Signal::INT);
        child.wait_until_said("PostgreSQL", "ready to accept connections")?;
        Ok(Self { child, url: format!("postgres://fanfare@{address}/postgres?sslmode=disable") })
    }

    /// Where the database is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What all of its processes have used so far.
    pub fn usage(&self) -> Option<Usage> {
        usage::of_family(self.child.pid())
    }
}

/// A command that runs another with `PROGRAM ARGUMENTS…` and has the kernel send it this signal when the thread that starts
/// it is gone, so that nothing is left should this process be killed.
pub fn bound_to_life(signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal]);
    command
}

/// Where a program is that the search path knows.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The folder of the newest installed server programs.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| {
            let version = version.ok()?;
            Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin")))
        })
        .filter(|(_, folder)| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file()))
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder).or_else(|| Some(installed("postgres")?.parent()?.to_owned()))
}

fn as_user(user: Option<&User>, program: &Path) -> Command {
    let mut command = bound_to_life("INT");
    if let Some(User { uid, gid }) = user {
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
    }
    command.arg(program);
    command
}

fn other_user() -> std::io::Result<Option<User>> {
    if !getuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    Ok(["postgres", "nobody"].iter().find_map(|name| user_in(&users, name)))
}

/// The user of this name in the text of `/etc/passwd`.
fn user_in(users: &str, name: &str) -> Option<User> {
    let mut fields = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':');
    let (uid, gid) = (fields.nth(1)?, fields.next()?);
    Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_user() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:1:1::/:/bin/sh\npostgres:x:103:106:PostgreSQL:/var:/bin/sh\n";
        let user = user_in(users, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (103, 106));
        assert!(user_in(users, "nobody").is_none());
    }
}
