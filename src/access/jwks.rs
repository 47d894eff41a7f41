//! A key set that lives elsewhere: read once, kept, read again when a token names a key that it lacks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use metrics::counter;
use tokio::{io::AsyncReadExt, sync::watch, time::timeout};

use super::{
    keys::{VerifyKey, parse_key_set},
    options::{AccessOptionsError, JwksOptions, JwksSource},
};
use crate::clock::Clock;

/// The largest key set that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// After a failed read the next one may follow this soon, when [`JwksOptions::min_refresh`] is longer.
const RETRY: Duration = Duration::from_secs(5);

/// Why a key set could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the key set cannot be read: {0}")]
pub struct JwksError(String);

/// The keys of one source, with the rule when it is read again.
pub(super) struct Jwks {
    options: JwksOptions,
    clock: Clock,
    client: reqwest::Client,
    keys: ArcSwap<Vec<VerifyKey>>,
    reads: Mutex<Reads>,
}

/// When the source was read. A read is a task of its own, so that it is not lost when the request
/// that started it goes away, and so that all who need it wait for the same one.
#[derive(Default)]
struct Reads {
    /// Closed when the running read has ended.
    running: Option<watch::Receiver<()>>,
    last_end: Option<jiff::Timestamp>,
    last_failed: bool,
}

impl Jwks {
    pub(super) fn new(options: JwksOptions, clock: Clock) -> Result<Self, AccessOptionsError> {
        let client = reqwest::Client::builder()
            .connect_timeout(options.timeout)
            .timeout(options.timeout)
            // A redirect could lead from an https URL to somebody else's keys.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| AccessOptionsError::Client(e.to_string()))?;
        Ok(Self { options, clock, client, keys: ArcSwap::default(), reads: Mutex::default() })
    }

    /// The keys as they are, and a read in the background when they have grown old.
    pub(super) fn keys(self: &Arc<Self>) -> Arc<Vec<VerifyKey>> {
        let age = self.since(self.reads().last_end);
        if age.is_some_and(|age| age >= self.options.max_age) {
            self.start();
        }
        self.keys.load_full()
    }

    /// Reads the source again, or waits for the read that is running, or does nothing when the last
    /// one is too recent. `Err` when the last read failed, so that what is missing may exist.
    pub(super) async fn refresh(self: &Arc<Self>) -> Result<(), JwksError> {
        if let Some(mut running) = self.start() {
            // The sender sends nothing: this ends when the read drops it.
            let _ = running.changed().await;
        }
        if self.reads().last_failed { Err(JwksError("the last attempt failed".into())) } else { Ok(()) }
    }

    /// The running read, started now if there was none and one is due.
    fn start(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut reads = self.reads();
        if let Some(running) = reads.running.as_ref().filter(|r| r.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let pause =
            if reads.last_failed { RETRY.min(self.options.min_refresh) } else { self.options.min_refresh };
        if self.since(reads.last_end).is_some_and(|age| age < pause) {
            return None;
        }
        let (done, running) = watch::channel(());
        reads.running = Some(running.clone());
        let jwks = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = jwks.read().await {
                tracing::warn!(%error, "The key set was not read; the keys that were known stay.");
            }
            drop(done);
        });
        Some(running)
    }

    /// Reads the source once, now. Keys that were known stay when it fails.
    pub(super) async fn read(&self) -> Result<(), JwksError> {
        let outcome = timeout(self.options.timeout, self.fetch())
            .await
            .unwrap_or_else(|_| Err("it took too long".into()))
            .and_then(|document| parse_key_set(&document));
        let result = outcome.map(|keys| {
            tracing::info!(keys = keys.len(), "The key set was read.");
            // Before the read counts as done: who sees that must see the keys.
            self.keys.store(Arc::new(keys));
        });
        let label = if result.is_ok() { "ok" } else { "failed" };
        counter!("jwks_reads_total", "result" => label).increment(1);
        let mut reads = self.reads();
        reads.last_end = Some(self.clock.now());
        reads.last_failed = result.is_err();
        result.map_err(JwksError)
    }

    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let mut document = Vec::new();
        match &self.options.source {
            JwksSource::File(path) => {
                let file =
                    tokio::fs::File::open(path).await.map_err(|e| format!("{}: {e}", path.display()))?;
                let limit = MAX_BYTES as u64 + 1;
                file.take(limit).read_to_end(&mut document).await.map_err(|e| e.to_string())?;
            }
            JwksSource::Url(url) => {
                let answer = self.client.get(url.clone()).send().await.and_then(|r| r.error_for_status());
                let mut answer = answer.map_err(causes)?;
                if answer.status() != reqwest::StatusCode::OK {
                    return Err(format!("it answered {}", answer.status()));
                }
                while let Some(chunk) = answer.chunk().await.map_err(causes)? {
                    document.extend_from_slice(&chunk);
                    if document.len() > MAX_BYTES {
                        break;
                    }
                }
            }
        }
        if document.len() > MAX_BYTES {
            return Err(format!("it is larger than {MAX_BYTES} bytes"));
        }
        Ok(document)
    }

    /// How long ago that was, in either direction: a clock that was set back must not stop the reads.
    fn since(&self, instant: Option<jiff::Timestamp>) -> Option<Duration> {
        instant.map(|instant| self.clock.now().duration_since(instant).unsigned_abs())
    }

    fn reads(&self) -> std::sync::MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error with what caused it, since reqwest's own text says only "error sending request", and
/// without the URL, which may hold a credential.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
