//! The listener: accepts connections, puts a [`Lane`] under each, and serves HTTP on it.
//!
//! `axum::serve` would do for HTTP, but it sets neither `TCP_NODELAY` nor a header timeout, and gives
//! no hold on the socket below a WebSocket, which closing a client that does not read needs.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{Service, ServiceExt};

use super::lane::{Lane, LaneStream};

/// How the listener treats sockets.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// A client must have sent its request's headers by then.
    pub header_timeout: Duration,
    /// The kernel gives up on data that the peer has not acknowledged for so long.
    pub tcp_user_timeout: Duration,
    /// Bytes that may wait for one slow client.
    pub max_queued: usize,
    /// How long requests under way may take after the shutdown began.
    pub shutdown_grace: Duration,
}

/// The accepted socket of a request, in the request's extensions.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other end of the TCP connection: a client or a proxy.
    pub address: SocketAddr,
    pub(super) lane: Arc<Lane>,
}

/// Serves `service` on `listener` until `shutdown`, then lets requests under way finish.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    options: ListenerOptions,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let open = TaskTracker::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(options.header_timeout);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (tcp, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: others have to close before accepting makes sense.
                tracing::warn!(%error, "A connection could not be accepted.");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        tune(&tcp, &options);
        let lane = Arc::new(Lane::new(tcp, options.max_queued));
        let peer = Peer { address, lane: lane.clone() };
        let service = service.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            request
        });
        let connection = http
            .serve_connection(TokioIo::new(LaneStream(lane)), TowerToHyperService::new(service))
            .with_upgrades();
        let ending = shutdown.clone();
        open.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = ending.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, "A connection ended with an error.");
            }
        });
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(options.shutdown_grace, open.wait()).await.is_err() {
        tracing::warn!("Requests were still under way when the server stopped waiting for them.");
    }
}

fn tune(tcp: &TcpStream, options: &ListenerOptions) {
    // A failure means that the peer has already gone, which the first read will say.
    tcp.set_nodelay(true).ok();
    let socket = socket2::SockRef::from(tcp);
    socket.set_tcp_user_timeout(Some(options.tcp_user_timeout)).ok();
    // Otherwise the kernel grows it to megabytes for a client that does not read, outside any bound.
    socket.set_send_buffer_size(options.max_queued / 4).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it an exchange waits for the client's delayed acknowledgement: some 44 ms.
    #[tokio::test]
    async fn small_writes_leave_at_once_and_the_kernels_buffer_has_a_bound() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let second = Duration::from_secs(1);
        let options = ListenerOptions {
            header_timeout: second,
            tcp_user_timeout: second,
            max_queued: 1 << 20,
            shutdown_grace: second,
        };
        tune(&tcp, &options);
        assert!(tcp.nodelay().unwrap());
        // The kernel doubles what is asked, for its own bookkeeping.
        assert!(socket2::SockRef::from(&tcp).send_buffer_size().unwrap() <= options.max_queued / 2);
    }
}
