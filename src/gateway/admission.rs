//! What is decided before a handshake: whether to talk at all.
//!
//! A refusal here is plain HTTP, because a client retries a failed transport by itself, which it
//! does not after a refused CONNECT.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{Either, Full};
use ipnet::{IpNet, Ipv4Net};
use lru::LruCache;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::{
    Gateway,
    lane::Lane,
    listener::Peer,
    pace::Pace,
    pages,
    places::{Place, Places},
    query,
};
use crate::protocol::{Code, Problem};

/// Where Socket.IO listens.
pub(super) const PATH: &str = "/socket.io";

/// How many given-up sessions are remembered. Each lives for at most one heartbeat.
const REFUSED_SESSIONS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// Which browsers' pages may connect.
#[derive(Debug, Clone)]
pub enum Origins {
    /// Every page: for development.
    Any,
    /// Pages of these origins, as `https://app.example.org`. Requests without an `Origin`, which do
    /// not come from a page, are not concerned.
    Only(Vec<String>),
}

/// Puts the decision in front of the transport.
#[derive(Clone)]
pub struct AdmissionLayer {
    pub(super) gateway: Gateway,
}

/// See [`AdmissionLayer`].
#[derive(Clone)]
pub struct Admission<S> {
    gateway: Gateway,
    inner: S,
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission { gateway: self.gateway.clone(), inner }
    }
}

impl<S, B, R> Service<Request<B>> for Admission<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<Either<R, Full<Bytes>>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !request.uri().path().starts_with(PATH) {
            return self.inner.call(request).map_ok(|response| response.map(Either::Left)).boxed();
        }
        let door = self.gateway.door();
        let reader = pages::permitted(&door.origins, request.headers());
        let is_question = reader.is_some() && pages::is_preflight(&request);
        let readable = move |mut response| {
            if let Some(origin) = reader {
                pages::let_read(&mut response, origin);
            }
            response
        };
        if is_question {
            let answer = pages::preflight::<Full<Bytes>>().map(Either::Right);
            return std::future::ready(Ok(readable(answer))).boxed();
        }
        let turn = match door.admit(&mut request) {
            Ok(turn) => turn.filter(|turn| *turn > Instant::now()),
            Err(problem) => return std::future::ready(Ok(readable(refuse(&problem)))).boxed(),
        };
        let Some(turn) = turn else {
            return self.inner.call(request).map_ok(|response| readable(response.map(Either::Left))).boxed();
        };
        metrics::counter!("ws_connects_delayed_total").increment(1);
        // The service that said it was ready takes the request; its clone has to be asked again.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let waiting = async move {
            tokio::time::sleep_until(turn).await;
            match door.check_draining() {
                Ok(()) => inner.call(request).await.map(|response| readable(response.map(Either::Left))),
                Err(problem) => Ok(readable(refuse(&problem))),
            }
        };
        waiting.boxed()
    }
}

/// Decides about handshakes.
pub(super) struct Door {
    pub origins: Origins,
    /// Proxies whose `X-Forwarded-For` is believed.
    trusted_proxies: Vec<IpNet>,
    pub draining: AtomicBool,
    pace: Pace,
    places: Arc<Places>,
    /// Polling sessions that were given up and whose clients do not know yet.
    refused_sessions: Mutex<LruCache<String, ()>>,
    upgraded_sessions: Mutex<UpgradedSessions>,
}

/// The sockets that polling sessions were upgraded to, by session.
#[derive(Default)]
struct UpgradedSessions {
    /// A client should have one; whoever opens several has all of them closed.
    lanes: HashMap<String, Vec<Weak<Lane>>>,
    /// When there are so many, those whose socket has gone are forgotten: never more than twice the open sockets.
    sweep_at: usize,
}

impl Door {
    pub(super) fn new(
        origins: Origins,
        trusted_proxies: Vec<IpNet>,
        unauthenticated_per_address: u32,
        pace: Pace,
    ) -> Self {
        Self {
            origins,
            trusted_proxies: trusted_proxies.into_iter().map(canonical).collect(),
            draining: AtomicBool::new(false),
            pace,
            places: Arc::new(Places::new(unauthenticated_per_address)),
            refused_sessions: Mutex::new(LruCache::new(REFUSED_SESSIONS)),
            upgraded_sessions: Mutex::default(),
        }
    }

    /// Refuses the session's further requests.
    pub(super) fn refuse_session(&self, session: &str) {
        lock(&self.refused_sessions).put(session.to_owned(), ());
    }

    /// The socket that the polling session goes on over, if it was upgraded.
    pub(super) fn upgraded(&self, session: &str) -> Vec<Arc<Lane>> {
        let sessions = lock(&self.upgraded_sessions);
        sessions.lanes.get(session).into_iter().flatten().filter_map(Weak::upgrade).collect()
    }

    /// Whether to talk, and, for a new connection, from when on.
    fn admit<B>(&self, request: &mut Request<B>) -> Result<Option<Instant>, Problem> {
        self.check_origin(request.headers())?;
        let query = request.uri().query().unwrap_or_default();
        if let Some(key) = ["sid", "transport"].into_iter().find(|key| !query::is_unambiguous(query, key)) {
            // The transport and this door, or a proxy, would take it for two different requests.
            return Err(Problem::bad_request(format!("The query has to say '{key}' once and unencoded.")));
        }
        let is_websocket = query::literal(query, "transport") == Some("websocket");
        let peer = request.extensions().get::<Peer>();
        if let Some(session) = query::literal(query, "sid") {
            if lock(&self.refused_sessions).contains(session) {
                return Err(Problem::bad_request("This session has ended."));
            }
            if is_websocket && let Some(peer) = peer {
                lock(&self.upgraded_sessions).add(session.to_owned(), &peer.lane);
            }
            return Ok(None);
        }
        self.check_draining()?;
        if let Some(peer) = peer {
            let address = self.client_address(peer.address.ip(), request.headers());
            let place = self.places.take(address)?;
            if is_websocket {
                // A polling session lives longer than the TCP connection that it began on.
                peer.lane.keep(&place);
            }
            request.extensions_mut().insert::<Arc<Place>>(place);
        }
        self.pace.turn(Instant::now()).map(Some)
    }

    fn check_draining(&self) -> Result<(), Problem> {
        if self.draining.load(Ordering::Relaxed) {
            let problem = Problem::new(Code::ServerDraining, "This server is going away; connect again.");
            return Err(problem.retry_after(Duration::from_secs(1)));
        }
        Ok(())
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if !headers.contains_key(header::ORIGIN) || pages::permitted(&self.origins, headers).is_some() {
            Ok(())
        } else {
            Err(Problem::new(Code::OriginDenied, "Pages of this origin may not connect."))
        }
    }

    /// The client's own address: the peer's, or, behind trusted proxies, the last one in
    /// `X-Forwarded-For` that is not such a proxy. What stands before it was written by the client.
    fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        let trusted = |address: &IpAddr| self.trusted_proxies.iter().any(|net| net.contains(address));
        if !trusted(&peer) {
            return peer;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut nearest = peer;
        for hop in hops.into_iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            nearest = address.to_canonical();
            if !trusted(&nearest) {
                break;
            }
        }
        nearest
    }
}

impl UpgradedSessions {
    fn add(&mut self, session: String, lane: &Arc<Lane>) {
        if self.lanes.len() >= self.sweep_at {
            self.lanes.retain(|_, lanes| lanes.iter().any(|lane| lane.strong_count() > 0));
            self.sweep_at = 2 * self.lanes.len() + 64;
        }
        let lanes = self.lanes.entry(session).or_default();
        lanes.retain(|lane| lane.strong_count() > 0);
        lanes.push(Arc::downgrade(lane));
    }
}

/// The network of IPv4 addresses that one of IPv4-mapped IPv6 addresses stands for.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let plain = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    plain.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

/// The answer to somebody who is not let in.
fn refuse<R>(problem: &Problem) -> Response<Either<R, Full<Bytes>>> {
    metrics::counter!("ws_connect_total", "outcome" => problem.code.name()).increment(1);
    let body = serde_json::to_vec(&problem.document()).unwrap_or_default();
    let mut response = Response::new(Either::Right(Full::from(body)));
    *response.status_mut() = http::StatusCode::from_u16(problem.code.status()).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(delay) = problem.retry_after {
        // The header knows whole seconds: rounded up, so that who waits so long is not too early.
        let seconds = u64::try_from(delay.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        let origins = Origins::Only(vec!["https://app.example.org".into()]);
        let pace = Pace::new(std::num::NonZeroU32::MIN, 0);
        let proxies = ["10.0.0.0/8", "::ffff:172.16.0.0/108"].map(|network| network.parse().unwrap());
        Door::new(origins, proxies.into(), 2, pace)
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(http::HeaderName::from_static(name), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn only_listed_origins_and_clients_without_one_may_connect() {
        let check = |value| door().check_origin(&headers("origin", value)).map_err(|problem| problem.code);
        assert_eq!(check("https://app.example.org"), Ok(()));
        for foreign in ["https://app.example.org.evil.test", "http://app.example.org", "null"] {
            assert_eq!(check(foreign), Err(Code::OriginDenied), "{foreign}");
        }
        assert!(door().check_origin(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let address = |peer: &str, forwarded: &str| {
            door().client_address(peer.parse().unwrap(), &headers("x-forwarded-for", forwarded)).to_string()
        };
        assert_eq!(address("192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(address("10.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(address("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
        assert_eq!(address("10.0.0.1", "not an address"), "10.0.0.1");
        // A listener on [::] sees IPv4 like this.
        assert_eq!(address("::ffff:10.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(address("::ffff:192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(address("172.16.0.1", "203.0.113.9"), "203.0.113.9", "written as the listener sees it");
    }
}
