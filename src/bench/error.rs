//! Why a measurement could not be made.

use std::{fmt::Display, io};

/// Why a measurement could not be made. A server that is slow or loses events is a result, not an error.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// This machine would not do it.
    #[error("cannot {doing}: {cause}")]
    Machine { doing: String, cause: io::Error },
    /// The server under test did not do what the scenario needs before it can measure.
    #[error("{server}: {what}")]
    Server { server: String, what: String },
    /// What was asked for cannot be measured.
    #[error("{0}")]
    Usage(String),
}

impl BenchError {
    /// For `map_err` on something that this machine was to do.
    pub fn machine(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |cause| Self::Machine { doing, cause }
    }

    /// For `map_err` on something that the server was to do.
    pub fn server<E: Display>(server: &str, doing: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Server { server: server.to_owned(), what: format!("{doing}: {error}") }
    }
}
