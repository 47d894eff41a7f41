//! A TCP proxy that breaks on demand: between an instance and Redis or PostgreSQL, or before a client.

use std::{net::SocketAddr, sync::LazyLock, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::{Builder, Runtime},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They pass.
    Open,
    /// Connections are cut, and new ones are cut at once.
    Cut,
    /// Connections stay, new ones are accepted, and nothing arrives on either side.
    Swallow,
    /// What the server says is lost; what the client says arrives.
    SwallowAnswers,
    /// Both ways take so much longer.
    Delay(Duration),
    /// One byte a second from the server.
    Trickle,
    /// The client stops reading.
    Stall,
    /// PostgreSQL commits, and what it says from then on does not arrive.
    LoseCommits,
}

/// Bytes read at once; a proxy holds `CHUNKS` of them each way.
const CHUNK: usize = 16 << 10;
const CHUNKS: usize = 16;
/// What PostgreSQL says when a transaction is committed.
const COMMITTED: &[u8] = b"COMMIT\0";

/// Where all proxies run: a thread of their own, so that no bytes wait behind a test's thousands of clients.
static CARRIERS: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"));

/// A proxy before one address. It ends with the value, and its connections with it.
pub struct Proxy {
    pub address: SocketAddr,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    mode: Mode,
    /// How often everybody was cut off.
    cuts: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

impl Proxy {
    /// Passes connections on to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listening = CARRIERS.spawn(TcpListener::bind("127.0.0.1:0"));
        let listener = listening.await.expect("a runtime").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = watch::Sender::new(State { mode: Mode::Open, cuts: 0 });
        let watched = state.subscribe();
        let accepting = CARRIERS.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, watched.clone()));
            }
        });
        Self { address, state, accepting }
    }

    /// From now on, also for the connections that stand.
    pub fn set(&self, mode: Mode) {
        self.state.send_modify(|state| {
            state.mode = mode;
            state.cuts += u64::from(mode == Mode::Cut);
        });
    }

    /// Cuts every connection; new ones pass.
    pub fn reset(&self) {
        self.set(Mode::Cut);
        self.set(Mode::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, target: SocketAddr, state: watch::Receiver<State>) {
    let State { mode, cuts } = *state.borrow();
    if mode == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut until_cut = state.clone();
    // Either end takes the other with it, and so does a cut.
    tokio::select! {
        () = pump(from_client, to_server, Way::ToServer, state.clone()) => {}
        () = pump(from_server, to_client, Way::ToClient, state) => {}
        _ = until_cut.wait_for(|state| state.cuts != cuts) => {}
    }
}

async fn pump(from: OwnedReadHalf, to: OwnedWriteHalf, way: Way, state: watch::Receiver<State>) {
    let (chunks, waiting) = mpsc::channel(CHUNKS);
    tokio::select! {
        () = read(from, chunks, way, state.clone()) => {}
        () = write(to, waiting, way, state) => {}
    }
}

async fn read(
    mut from: OwnedReadHalf,
    chunks: mpsc::Sender<(Instant, Vec<u8>)>,
    way: Way,
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; CHUNK];
    let mut lost = false;
    loop {
        if way == Way::ToClient && state.wait_for(|state| state.mode != Mode::Stall).await.is_err() {
            return;
        }
        let count = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        let due = match state.borrow().mode {
            Mode::Swallow => continue,
            Mode::SwallowAnswers if way == Way::ToClient => continue,
            Mode::LoseCommits if way == Way::ToClient => {
                lost |= buffer[..count].windows(COMMITTED.len()).any(|bytes| bytes == COMMITTED);
                if lost {
                    continue;
                }
                Instant::now()
            }
            Mode::Delay(delay) => Instant::now() + delay,
            Mode::Open
            | Mode::Cut
            | Mode::SwallowAnswers
            | Mode::Trickle
            | Mode::Stall
            | Mode::LoseCommits => Instant::now(),
        };
        if chunks.send((due, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut to: OwnedWriteHalf,
    mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>,
    way: Way,
    mut state: watch::Receiver<State>,
) {
    while let Some((due, chunk)) = chunks.recv().await {
        sleep_until(due).await;
        let mut rest = &chunk[..];
        while let [_, ..] = rest {
            let trickles = way == Way::ToClient && state.borrow_and_update().mode == Mode::Trickle;
            let piece = if trickles { 1 } else { rest.len() };
            if to.write_all(&rest[..piece]).await.is_err() {
                return;
            }
            rest = &rest[piece..];
            if trickles {
                timeout(Duration::from_secs(1), state.changed()).await.ok();
            }
        }
    }
}
