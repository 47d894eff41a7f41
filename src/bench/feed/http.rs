//! Making events over HTTP at a steady rate: published as another service of the operator does, or as what follows from mutations.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::Semaphore,
    time::{MissedTickBehavior, interval},
};

use super::{Errand, Fed, Load};
use crate::bench::error::BenchError;

/// Where to send requests, and as whom.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// `http://host:port`.
    pub base: String,
    /// With the scope `events:publish`.
    pub token: String,
}

/// A load that is being published on a thread of its own.
#[derive(Debug)]
pub struct HttpFeed {
    done: mpsc::Receiver<Fed>,
}

/// Requests on their way at once. More would only wait for the same writer in the server.
const IN_FLIGHT: usize = 16;

impl HttpFeed {
    /// Starts to send the load as such requests.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(to: Publishing, load: Load, errand: Errand) -> Result<Self, BenchError> {
        let (tell, done) = mpsc::channel();
        let publish = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let fed = match runtime {
                Ok(runtime) => runtime.block_on(publish(&to, &load, &Arc::new(errand))),
                Err(error) => Fed::failed(error.to_string()),
            };
            // Nobody listens any more when the scenario was given up.
            let _ = tell.send(fed);
        };
        thread::Builder::new()
            .name("bench-feed".into())
            .spawn(publish)
            .map_err(BenchError::machine("start the publisher's thread"))?;
        Ok(Self { done })
    }

    /// What was published, once the load is over.
    pub fn fed(&self) -> Option<Fed> {
        match self.done.try_recv() {
            Ok(fed) => Some(fed),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Fed::failed("the publisher's thread panicked")),
        }
    }
}

/// Sends the load and waits for all answers.
pub async fn publish(to: &Publishing, load: &Load, errand: &Arc<Errand>) -> Fed {
    let http = match reqwest::Client::builder().timeout(Duration::from_secs(60)).build() {
        Ok(http) => http,
        Err(error) => return Fed::failed(error.to_string()),
    };
    let sum = Arc::new(Mutex::new(Fed { heads: vec![0; load.rooms.len()], ..Fed::default() }));
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let rooms: Arc<[String]> = load.rooms.clone().into();
    let url = format!("{}{}", to.base, errand.path());
    let start = Instant::now();
    let mut ticks = interval(load.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = 0;
    while sent < load.events() {
        ticks.tick().await;
        let due = load.due(start.elapsed());
        // Room by room: what shares a request then shares a transaction.
        let burst: Vec<(&str, u64)> = load
            .rooms
            .iter()
            .flat_map(|room| (sent..due).map(move |number| (room.as_str(), number + 1)))
            .collect();
        sent = due;
        for batch in
            burst.chunk_by(|one, next| one.0 == next.0).flat_map(|room| room.chunks(errand.batch(load)))
        {
            // Waiting here makes the load late, which its rate tells.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let request = http
                .post(&url)
                .bearer_auth(&to.token)
                .header("content-type", "application/json")
                .body(errand.body(batch));
            let (sum, rooms, errand) = (Arc::clone(&sum), Arc::clone(&rooms), Arc::clone(errand));
            tokio::spawn(async move {
                let answer = send(request).await;
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(cause) = answer.and_then(|text| errand.note(&text, &rooms, &mut sum)) {
                    sum.failures += 1;
                    sum.first_failure.get_or_insert(cause);
                }
                drop(place);
            });
        }
    }
    // Before the last answers: what they take shows in the latency, not in the rate.
    let seconds = start.elapsed().max(load.duration).as_secs_f64();
    // All places are free again when every answer is there.
    drop(places.acquire_many(IN_FLIGHT as u32).await);
    let mut fed = std::mem::take(&mut *sum.lock().unwrap_or_else(PoisonError::into_inner));
    fed.seconds = seconds;
    fed
}

/// The text of a successful answer; what the server said of a failure.
pub async fn send(request: reqwest::RequestBuilder) -> Result<String, String> {
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| error.to_string())?;
    if status.is_success() { Ok(text) } else { Err(format!("{status}: {text}")) }
}
