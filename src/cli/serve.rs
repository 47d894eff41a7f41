//! `fanfare serve`: a process around an instance.

use std::{io::Write, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;
use fanfare::{
    App,
    app::{bind, bind_admin},
    config::{Mode, Settings, without_password},
    telemetry,
};
use tokio::{net::TcpListener, signal::unix};
use tokio_util::sync::CancellationToken;

/// After the signal to stop the process ends by then, whatever hangs: orchestrators kill after 30 s.
const LATEST_END: Duration = Duration::from_millis(29_500);
/// How long what still runs outside of the instance may take at the end, such as a name lookup.
const LEFTOVERS: Duration = Duration::from_millis(200);

/// Runs the server until SIGTERM or Ctrl-C. A second one ends the process at once.
pub fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let format = settings.logs.format(settings.server.mode);
    telemetry::init_logs(format, &settings.logs.log_filter)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let result = runtime.block_on(run(settings));
    runtime.shutdown_timeout(LEFTOVERS);
    result
}

async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    // The signals are taken first: one that comes during the start ends it in order, too.
    let shutdown = stop_on_signal()?;
    let listener = bind(&settings.server).await?;
    let admin = bind_admin(&settings.server).await?;
    let (address, admin_address) = (local(&listener)?, admin.as_ref().map(local).transpose()?);

    let app = App::build(settings.clone()).await?;
    tracing::info!(%address, mode = ?settings.server.mode, version = env!("CARGO_PKG_VERSION"), "Listening.");
    if settings.server.mode == Mode::Development {
        greet(&settings, address, admin_address);
    }
    fanfare::serve(app, listener, admin, shutdown).await?;
    tracing::info!("Stopped.");
    Ok(ExitCode::SUCCESS)
}

fn local(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener.local_addr().context("cannot tell the address that is listened on")
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let signal = |kind| unix::signal(kind).context("cannot be told of signals");
    let mut terminate = signal(unix::SignalKind::terminate())?;
    let mut interrupt = signal(unix::SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping."),
            _ = interrupt.recv() => tracing::info!("Interrupted: stopping. Once more stops at once."),
        }
        stop.cancel();
        // A thread, so that not even a hung runtime keeps the process.
        std::thread::spawn(|| {
            std::thread::sleep(LATEST_END);
            eprintln!("fanfare: stopping took too long");
            std::process::exit(1);
        });
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(shutdown)
}

/// What somebody who has just started it wants to know.
fn greet(settings: &Settings, address: SocketAddr, admin: Option<SocketAddr>) {
    let unspecified = address.ip().is_unspecified();
    let shown = if unspecified { format!("localhost:{}", address.port()) } else { address.to_string() };
    let mut lines = vec![("open", format!("http://{shown}/"))];
    if settings.browser.graphiql(settings.server.mode) {
        lines.push(("GraphQL", format!("http://{shown}/graphql")));
    }
    lines.push(("REST", format!("http://{shown}/api/docs")));
    lines.extend(admin.map(|admin| ("metrics", format!("http://{admin}/metrics"))));
    lines.push(("data", without_password(&settings.database_url())));
    let lines: String = lines.into_iter().map(|(name, what)| format!("  {name:<8} {what}\n")).collect();
    // A closed pipe is no reason to stop serving, which `println!` would make of it.
    write!(std::io::stdout(), "\nFanfare is running.\n\n{lines}\nCtrl-C stops it.\n\n").ok();
}
