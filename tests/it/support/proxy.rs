//! A TCP proxy that can misbehave: swallow what a server says, delay it, or cut everybody off.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Stands in front of a server on this machine. Ends with the value.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    server: u16,
    swallows: AtomicBool,
    refuses: AtomicBool,
    delay_ms: AtomicU64,
    cut: watch::Sender<u64>,
}

impl Proxy {
    /// In front of the server on this port of the loopback.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::new(State {
            server,
            swallows: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
            cut: watch::Sender::new(0),
        });
        let (address, serving) = (listener.local_addr().unwrap(), state.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !serving.refuses.load(Ordering::SeqCst) {
                    tokio::spawn(serving.clone().carry(client));
                }
            }
        });
        Self { address, state, accepting }
    }

    /// Whether what the server says disappears, on present and on new connections, which stay open.
    pub fn swallow(&self, swallows: bool) {
        self.state.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Cuts every connection, and closes new ones until told otherwise.
    pub fn partition(&self, partitioned: bool) {
        self.state.refuses.store(partitioned, Ordering::SeqCst);
        if partitioned {
            self.cut();
        }
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.state.cut.send_modify(|count| *count += 1);
    }

    /// How much later everything arrives, each way.
    pub fn delay(&self, delay: Duration) {
        self.state.delay_ms.store(delay.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl State {
    async fn carry(self: Arc<Self>, mut client: TcpStream) {
        let mut cut = self.cut.subscribe();
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.server)).await else { return };
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            () = self.pump(from_client, to_server, false) => {}
            () = self.pump(from_server, to_client, true) => {}
            _ = cut.changed() => {}
        }
    }

    /// Bytes are late by the delay but not slow: reading goes on meanwhile.
    async fn pump(
        &self,
        mut from: impl AsyncReadExt + Unpin,
        mut to: impl AsyncWriteExt + Unpin,
        may_swallow: bool,
    ) {
        let (sender, mut chunks) = tokio::sync::mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
        let reading = async {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                if may_swallow && self.swallows.load(Ordering::SeqCst) {
                    continue;
                }
                let due =
                    tokio::time::Instant::now() + Duration::from_millis(self.delay_ms.load(Ordering::SeqCst));
                if sender.send((due, buffer[..count].to_vec())).is_err() {
                    return;
                }
            }
        };
        let writing = async {
            while let Some((due, chunk)) = chunks.recv().await {
                tokio::time::sleep_until(due).await;
                if to.write_all(&chunk).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
    }
}
