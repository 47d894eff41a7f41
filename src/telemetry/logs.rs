//! Log lines: text for people, JSON for collectors.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterFn, ParseError},
    fmt::MakeWriter,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

use crate::config::LogFormat;

/// Libraries whose detailed messages hold what a client sent, tokens included. They are never let
/// through below `info`, whatever the filter says.
const TALKATIVE: [&str; 8] = [
    "tungstenite",
    "tokio_tungstenite",
    "engineioxide",
    "socketioxide",
    "hyper",
    "hyper_util",
    "reqwest",
    "async_graphql",
];

/// Sends log lines of `filter` to standard error, from now on and for the whole process. Does
/// nothing when it was done before.
///
/// # Errors
/// When `filter` is not a filter; the settings have checked it.
pub fn init_logs(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    // A second call finds a subscriber in place, which is what it wanted.
    let _ = subscriber(format, filter, std::io::stderr)?.try_init();
    Ok(())
}

fn subscriber<W>(format: LogFormat, filter: &str, writer: W) -> Result<impl Subscriber + use<W>, ParseError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(filter)?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = match format {
        LogFormat::Text => tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours).boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(writer)
            .boxed(),
    };
    Ok(registry().with(filter).with(FilterFn::new(says_no_secret)).with(lines))
}

fn says_no_secret(line: &Metadata<'_>) -> bool {
    let module = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Level::INFO || !TALKATIVE.contains(&module)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_library_cannot_print_what_a_client_sent() {
        let text = logged(LogFormat::Text, "trace,tungstenite::protocol=trace", || {
            tracing::trace!(target: "tungstenite::protocol", "Received message 40{{\"token\":\"secret\"}}");
            tracing::debug!(target: "engineioxide", "secret");
            tracing::info!(target: "engineioxide", "harmless");
            tracing::trace!("ours");
        });
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("harmless") && text.contains("ours"), "{text}");
    }

    #[test]
    fn a_json_line_carries_the_fields_of_its_spans() {
        let text = logged(LogFormat::Json, "info", || {
            let _span = tracing::info_span!("request", correlation_id = "c-1").entered();
            tracing::info!(room = "campaign:1", "Subscribed.");
            tracing::debug!("too fine");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "Subscribed.");
        assert_eq!(line["room"], "campaign:1");
        assert_eq!(line["spans"][0]["correlation_id"], "c-1");
    }
}
