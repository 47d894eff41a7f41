//! Taking the addresses that the settings name.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use crate::config::{AdminListen, Mode, ServerSettings};

/// An address that cannot be listened on, with what helps.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {problem}")]
pub struct BindError {
    address: SocketAddr,
    problem: String,
}

/// Listens for clients.
///
/// # Errors
/// When the address is taken, not this machine's, or not allowed.
pub async fn bind(server: &ServerSettings) -> Result<TcpListener, BindError> {
    take(server.listen, "FANFARE_LISTEN", "--listen").await
}

/// Listens for operators, unless that is off. In development a taken port is replaced by a free one,
/// so that two instances on one machine do not need two settings each.
///
/// # Errors
/// As [`bind`].
pub async fn bind_admin(server: &ServerSettings) -> Result<Option<TcpListener>, BindError> {
    let AdminListen::At(address) = server.admin_listen else { return Ok(None) };
    let error = match take(address, "FANFARE_ADMIN_LISTEN", "--admin-listen").await {
        Ok(listener) => return Ok(Some(listener)),
        Err(error) => error,
    };
    if server.mode == Mode::Production {
        return Err(error);
    }
    tracing::warn!(%address, "The admin address is taken; a free port is used instead.");
    let free = SocketAddr::new(address.ip(), 0);
    TcpListener::bind(free).await.map(Some).map_err(|_| error)
}

async fn take(address: SocketAddr, setting: &str, flag: &str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| {
        let next = SocketAddr::new(address.ip(), address.port().saturating_add(1));
        let problem = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("another program uses this port; end it, or choose another one with {flag} {next}")
            }
            io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 need root; choose another one with {setting} or {flag}")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!(
                    "the address is not this machine's; set {setting} to 127.0.0.1 or 0.0.0.0 with a port"
                )
            }
            _ => format!("{error}; {setting} sets the address"),
        };
        BindError { address, problem }
    })
}
