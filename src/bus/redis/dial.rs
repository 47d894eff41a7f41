//! Connections: one way to make them and to use them, however the servers stand together.

use std::{sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    stream::{FuturesOrdered, FuturesUnordered},
};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisError, RedisFuture, RedisResult, TlsCertificates, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection, SendError},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::sync::Mutex;

use super::{
    channels::Channel,
    target::{RedisTarget, Topology},
};

/// Commands that may wait to be written.
const PIPELINE: usize = 1024;

/// What to do with what Redis sends by itself.
pub(super) type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// Makes connections.
pub(super) struct Dialer {
    way: Way,
    timeout: Duration,
}

enum Way {
    Node(Client),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster { nodes: Vec<redis::ConnectionInfo>, target: RedisTarget, certificates: Option<TlsCertificates> },
}

/// Two connections to one server, or to one cluster. They are apart because a server cuts off a
/// subscriber that takes its messages too slowly, and commands should not go down with it.
#[derive(Clone)]
pub(super) struct Session {
    pub commands: Connection,
    pub subscriptions: Connection,
}

#[derive(Clone)]
pub(super) enum Connection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Dialer {
    /// For the servers of `target`. A call waits for `timeout` at most.
    ///
    /// # Errors
    /// When the address or the certificate cannot be used.
    pub fn new(target: &RedisTarget, ca: Option<&[u8]>, timeout: Duration) -> RedisResult<Self> {
        if target.tls {
            // More than one implementation of cryptography is linked; without a choice rustls panics.
            rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        }
        let certificates = ca.map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) });
        let addresses = target.hosts.iter().map(|(host, port)| address(target, host, *port));
        let way = match &target.topology {
            Topology::Standalone => {
                let (host, port) = target.hosts.first().cloned().unwrap_or_default();
                let info = info(target, address(target, &host, port))?;
                Way::Node(match certificates {
                    Some(certificates) if target.tls => Client::build_with_tls(info, certificates)?,
                    Some(_) | None => Client::open(info)?,
                })
            }
            Topology::Sentinel { master } => {
                let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
                    .set_client_to_redis_protocol(ProtocolVersion::RESP3)
                    .set_client_to_redis_db(i64::from(target.database))
                    .set_client_to_redis_tcp_settings(tcp());
                if let Some(username) = &target.username {
                    builder = builder.set_client_to_redis_username(username);
                }
                if let Some(password) = &target.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if target.tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_certificates(certificates);
                }
                Way::Sentinel(Box::new(Mutex::new(builder.build()?)))
            }
            Topology::Cluster => {
                let nodes = addresses.map(|address| info(target, address)).collect::<RedisResult<_>>()?;
                Way::Cluster { nodes, target: target.clone(), certificates }
            }
        };
        Ok(Self { way, timeout })
    }

    /// Whether all goes over connections to one server. A cluster's connections heal one by one.
    pub fn is_single(&self) -> bool {
        !matches!(self.way, Way::Cluster { .. })
    }

    /// Connects. Everything that the server sends by itself goes to `on_push`.
    pub async fn dial(&self, on_push: OnPush) -> RedisResult<Session> {
        let sender = move |info: PushInfo| -> Result<(), SendError> {
            on_push(info);
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
            .set_pipeline_buffer_size(PIPELINE)
            .set_push_sender(sender.clone());
        match &self.way {
            Way::Node(client) => connect(client, &config).await,
            Way::Sentinel(sentinels) => {
                let master = sentinels.lock().await.async_get_client().await?;
                connect(&master, &config).await
            }
            Way::Cluster { nodes, target, certificates } => {
                let client = || {
                    let mut builder = ClusterClient::builder(nodes.clone())
                        .use_protocol(ProtocolVersion::RESP3)
                        .connection_timeout(self.timeout)
                        .response_timeout(self.timeout)
                        .overall_response_timeout(Some(self.timeout))
                        .retries(2)
                        .min_retry_wait(20)
                        .max_retry_wait(100)
                        .tcp_settings(tcp());
                    if let Some(username) = &target.username {
                        builder = builder.username(username);
                    }
                    if let Some(password) = &target.password {
                        builder = builder.password(password);
                    }
                    if target.tls {
                        builder = builder.tls(TlsMode::Secure);
                    }
                    match certificates {
                        Some(certificates) => builder.certs(certificates.clone()),
                        None => builder,
                    }
                };
                let commands = client().build()?;
                let subscriptions = client().push_sender(sender).build()?;
                let (commands, subscriptions) =
                    tokio::try_join!(commands.get_async_connection(), subscriptions.get_async_connection())?;
                Ok(Session {
                    commands: Connection::Cluster(commands),
                    subscriptions: Connection::Cluster(subscriptions),
                })
            }
        }
    }
}

async fn connect(client: &Client, config: &AsyncConnectionConfig) -> RedisResult<Session> {
    let (commands, subscriptions) = tokio::try_join!(
        client.get_multiplexed_async_connection_with_config(config),
        client.get_multiplexed_async_connection_with_config(config),
    )?;
    Ok(Session { commands: Connection::Node(commands), subscriptions: Connection::Node(subscriptions) })
}

fn address(target: &RedisTarget, host: &str, port: u16) -> ConnectionAddr {
    let host = host.to_owned();
    if target.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

fn info(target: &RedisTarget, address: ConnectionAddr) -> RedisResult<redis::ConnectionInfo> {
    let mut redis = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_db(i64::from(target.database))
        .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if let Some(username) = &target.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &target.password {
        redis = redis.set_password(password);
    }
    Ok(address.into_connection_info()?.set_redis_settings(redis).set_tcp_settings(tcp()))
}

/// A small message waits for nobody.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

impl Connection {
    /// Publishes messages, in order. Returns how many were not taken.
    pub async fn publish(&mut self, messages: &[(Channel, Vec<u8>)]) -> usize {
        match self {
            Self::Node(node) => {
                let mut pipeline = Pipeline::with_capacity(messages.len());
                for (channel, message) in messages {
                    pipeline.cmd("PUBLISH").arg(&**channel).arg(message.as_slice()).ignore();
                }
                match pipeline.exec_async(node).await {
                    Ok(()) => 0,
                    Err(error) => {
                        tracing::debug!(%error, "Messages were not published.");
                        messages.len()
                    }
                }
            }
            Self::Cluster(cluster) => {
                // Each goes to its own node; the connection takes them in this order.
                let mut publishing = FuturesOrdered::new();
                for (channel, message) in messages {
                    publishing.push_back(publish_sharded(cluster.clone(), channel, message));
                }
                publishing.filter(|published| std::future::ready(published.is_err())).count().await
            }
        }
    }

    /// Subscribes. Returns what the server has confirmed, and why the rest is missing.
    pub async fn subscribe(&mut self, channels: &[Channel]) -> (Vec<Channel>, Option<RedisError>) {
        match self {
            Self::Node(node) => {
                let names: Vec<&str> = channels.iter().map(|channel| &**channel).collect();
                match node.subscribe(names).await {
                    Ok(()) => (channels.to_vec(), None),
                    Err(error) => (Vec::new(), Some(error)),
                }
            }
            Self::Cluster(cluster) => {
                let mut asking = FuturesUnordered::new();
                for channel in channels {
                    asking.push(subscribe_sharded(cluster.clone(), channel));
                }
                let (mut confirmed, mut refused) = (Vec::with_capacity(channels.len()), None);
                while let Some(answer) = asking.next().await {
                    match answer {
                        Ok(channel) => confirmed.push(channel),
                        Err(error) => refused = Some(error),
                    }
                }
                (confirmed, refused)
            }
        }
    }

    /// Ends subscriptions, of which some may remain after an error.
    pub async fn unsubscribe(&mut self, channels: &[Channel]) -> RedisResult<()> {
        match self {
            Self::Node(node) => {
                let names: Vec<&str> = channels.iter().map(|channel| &**channel).collect();
                node.unsubscribe(names).await
            }
            Self::Cluster(cluster) => {
                let mut asking = FuturesUnordered::new();
                for channel in channels {
                    asking.push(unsubscribe_sharded(cluster.clone(), channel));
                }
                let mut ended = Ok(());
                while let Some(answer) = asking.next().await {
                    ended = ended.and(answer);
                }
                ended
            }
        }
    }
}

async fn publish_sharded(
    mut cluster: ClusterConnection,
    channel: &Channel,
    message: &[u8],
) -> RedisResult<()> {
    redis::cmd("SPUBLISH").arg(&**channel).arg(message).exec_async(&mut cluster).await
}

async fn subscribe_sharded(mut cluster: ClusterConnection, channel: &Channel) -> RedisResult<Channel> {
    cluster.ssubscribe(&**channel).await.map(|()| channel.clone())
}

async fn unsubscribe_sharded(mut cluster: ClusterConnection, channel: &Channel) -> RedisResult<()> {
    cluster.sunsubscribe(&**channel).await
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Node(node) => node.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Node(node) => node.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Node(node) => node.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}
