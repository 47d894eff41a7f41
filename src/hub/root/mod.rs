//! The task of one root: the only place where its events are put in order, delivered and joined to.
//!
//! Because it is one task, nothing can slip between reading where a room stands and registering a
//! subscriber there. Hints and requests that wait together are handled together: a burst of events
//! is one write per connection, and a storm of joins is one read of the database.

mod delivery;
mod joins;
mod missed;
mod sharing;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

pub(super) use missed::Allowance;
use tokio::sync::{mpsc, oneshot};

use super::{
    HubOptions,
    family::Family,
    history::History,
    log::Log,
    outlet::Outlet,
    presence::{Attendance, Cluster, Elsewhere, News, Watch},
    sequencer::Sequencer,
    time::{self, Instant, now, timeout},
};
use crate::{
    bus::{Bus, Delivery, Hint},
    protocol::{
        ConnectionId, Epoch, Offset, Problem, Room, Root, StaleReason, SubscribeRoom, Subscribed, UserId,
    },
};

/// How many requests or hints are handled together at most.
const BATCH: usize = 1024;
/// A read of the database has to answer by then.
const READ_LIMIT: Duration = Duration::from_secs(4);
/// The bus has to confirm by then that it carries a root's events; a join that waits for it is answered within 5 s.
const FOLLOW_LIMIT: Duration = Duration::from_secs(2);
/// Presence differences are gathered for so long.
const PRESENCE_TICK: Duration = Duration::from_millis(250);

/// What the rest of the hub asks of a root's task.
pub(super) enum Request {
    Join(Join),
    Leave {
        connection: ConnectionId,
        room: Room,
        done: oneshot::Sender<()>,
    },
    /// The connection has ended.
    LeaveAll {
        connection: ConnectionId,
    },
    StopWatching {
        connection: ConnectionId,
        room: Room,
    },
    /// Look again whether the user may still be here.
    Recheck {
        user: UserId,
        done: oneshot::Sender<()>,
    },
    /// The log is known to reach `head` in `epoch`.
    Head {
        epoch: Epoch,
        head: Offset,
    },
    /// The log could not be looked at for too long.
    Unverified,
    /// Users came to and left a room on another instance.
    PresenceElsewhere(News),
    /// Find out who is where on other instances.
    ReadPresence,
    /// That has been found out for one room.
    PresenceRead {
        room: Room,
        elsewhere: Elsewhere,
    },
    /// Write who is here again: it may have been forgotten.
    SharePresence,
}

/// A wish to enter rooms of this root.
pub(super) struct Join {
    pub outlet: Arc<dyn Outlet>,
    pub purpose: Purpose,
    pub rooms: Vec<SubscribeRoom>,
    /// What may come with the command, of all its joins together.
    pub allowance: Allowance,
    /// Answers in the order of `rooms`.
    pub reply: oneshot::Sender<Vec<Result<Joined, Problem>>>,
}

/// What a connection wants of a room.
#[derive(Clone)]
pub(super) enum Purpose {
    /// Its events.
    Subscribe,
    /// Who is in it; who is so on other instances, where that could be found out.
    Watch(Option<Elsewhere>),
    /// Its events, for the instance itself: there is no permission to look at.
    Follow,
}

/// A room entered.
#[derive(Debug)]
pub struct Joined {
    pub root: Root,
    pub subscribed: Subscribed,
}

/// How the hub and the bus reach a root's task, and what they read of it.
pub(super) struct Wires {
    pub own: mpsc::WeakUnboundedSender<Request>,
    pub requests: mpsc::UnboundedReceiver<Request>,
    pub hints: mpsc::Receiver<Hint>,
    pub passed: Arc<AtomicU64>,
}

pub(super) struct RootTask {
    pub root: Root,
    pub log: Arc<dyn Log>,
    pub bus: Arc<dyn Bus>,
    pub options: HubOptions,
    /// Other instances, if there are any.
    presence: Option<Arc<Cluster>>,
    /// The way to this task.
    own: mpsc::WeakUnboundedSender<Request>,
    pub requests: mpsc::UnboundedReceiver<Request>,
    pub hints: mpsc::Receiver<Hint>,
    /// The offset that was delivered last, for the head check.
    pub passed: Arc<AtomicU64>,
    state: State,
}

struct State {
    family: Family,
    /// Where this instance is in the log; unknown until the first join has read it.
    place: Option<Place>,
    /// The bus brought what cannot be true, or the log is another one than ours: the log is asked until it
    /// answers.
    in_doubt: bool,
    joins: Vec<Join>,
    last_read: Option<Instant>,
    presence_due: Option<Instant>,
    /// When who is here is written again for other instances.
    refresh_due: Option<Instant>,
    /// While somebody watches who is present.
    elsewhere: Option<Watch>,
    /// When a gap is filled from the log, or tried again.
    fill_due: Option<Instant>,
    empty_since: Option<Instant>,
    /// Somebody was let in at some time. Until then the root may be one that does not exist.
    was_entered: bool,
}

struct Place {
    epoch: Epoch,
    sequencer: Sequencer<Delivery>,
}

impl RootTask {
    pub(super) fn new(
        root: Root,
        log: Arc<dyn Log>,
        bus: Arc<dyn Bus>,
        options: HubOptions,
        presence: Option<Arc<Cluster>>,
        wires: Wires,
    ) -> Self {
        let Wires { own, requests, hints, passed } = wires;
        let history = History::new(options.history_events, options.history_bytes);
        let state = State {
            family: Family::new(history, Attendance::new(options.presence_members, presence.is_some())),
            place: None,
            in_doubt: false,
            joins: Vec::new(),
            last_read: None,
            presence_due: None,
            refresh_due: None,
            elsewhere: None,
            fill_due: None,
            empty_since: None,
            was_entered: false,
        };
        Self { root, log, bus, options, presence, own, requests, hints, passed, state }
    }

    /// Runs until nobody has been here for the linger time and `may_end` agrees, which it does only
    /// while no further request can be on its way.
    pub(super) async fn run(mut self, sink: mpsc::Sender<Hint>, may_end: impl Fn(&mut Self) -> bool) {
        // Without the bus's word the head check alone brings events: slower, and still every one.
        // The channel stays open even when the bus lets go of its end.
        let followed = self.bus.follow(&self.root, sink.clone());
        match timeout(FOLLOW_LIMIT, followed).await {
            Ok(Ok(())) => {}
            // The bus tells the operator itself how it is: this would be one line a root.
            Ok(Err(error)) => tracing::debug!(root = %self.root, %error, "Events will come late."),
            Err(_) => tracing::debug!(root = %self.root, "Events will come late: the bus does not answer."),
        }
        let (mut requests, mut hints) = (Vec::new(), Vec::new());
        loop {
            let wake_at = self.state.wake_at(&self.options);
            // In a fixed order, so that a simulated run can be repeated; nobody starves, because what
            // waits in the other queue is taken as well.
            tokio::select! {
                biased;
                count = self.requests.recv_many(&mut requests, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    while hints.len() < BATCH && let Ok(hint) = self.hints.try_recv() {
                        hints.push(hint);
                    }
                }
                _ = self.hints.recv_many(&mut hints, BATCH) => {}
                () = sleep_until(wake_at) => {}
            }
            let heads_seen = self.take_hints(&mut hints);
            let mut rechecks = Vec::new();
            for request in requests.drain(..) {
                self.take_request(request, &mut rechecks);
            }
            if heads_seen || self.has_gap() {
                self.advance(None).await;
            }
            if self.state.doubt_is_due(&self.options) {
                self.state.in_doubt = self.catch_up(&[], &[]).await.is_none();
            }
            if !rechecks.is_empty() {
                self.recheck(rechecks).await;
            }
            if self.state.joins_are_due(&self.options) {
                self.answer_joins().await;
            }
            self.tell_presence();
            self.state.note_emptiness();
            self.state.note_closed_gap();
            if self.state.has_lingered(&self.options) && may_end(&mut self) {
                break;
            }
        }
        self.bus.unfollow(&self.root, &sink);
    }

    /// A hint is only believed to belong where it says when that is here, in the log that is here.
    fn take_hints(&mut self, hints: &mut Vec<Hint>) -> bool {
        let mut any = false;
        for hint in hints.drain(..) {
            // Before the first join has read the log nobody is here who could miss anything.
            let Some(place) = &mut self.state.place else { continue };
            match hint {
                Hint::Event(delivery)
                    if delivery.event.root == self.root && delivery.event.epoch == place.epoch =>
                {
                    place.sequencer.offer(delivery.event.offset(), delivery);
                    any = true;
                }
                Hint::Reached { epoch, offset } if epoch == place.epoch => {
                    place.sequencer.observe_head(offset);
                    any = true;
                }
                Hint::Event(_) | Hint::Reached { .. } | Hint::Doubt => self.state.in_doubt = true,
            }
        }
        any
    }

    fn take_request(&mut self, request: Request, rechecks: &mut Vec<(UserId, oneshot::Sender<()>)>) {
        let family = &mut self.state.family;
        match request {
            Request::Join(join) => self.state.joins.push(join),
            Request::Leave { connection, room, done } => {
                family.leave(connection, &room);
                done.send(()).ok();
            }
            Request::LeaveAll { connection } => family.leave_all(connection),
            Request::StopWatching { connection, room } => family.attendance.stop_watching(connection, &room),
            Request::Recheck { user, done } => rechecks.push((user, done)),
            Request::Head { epoch, head } => match &mut self.state.place {
                Some(place) if place.epoch == epoch => place.sequencer.observe_head(head),
                Some(_) => self.state.in_doubt = true,
                None => {}
            },
            Request::Unverified => family.invalidate(StaleReason::Unverified),
            Request::PresenceElsewhere(news) => family.attendance.changed_elsewhere(news),
            Request::PresenceRead { room, elsewhere } => {
                family.attendance.learned_elsewhere(&room, elsewhere)
            }
            Request::ReadPresence => self.read_presence(),
            Request::SharePresence => {
                self.share_presence_anew();
                self.read_presence();
            }
        }
    }

    fn has_gap(&self) -> bool {
        let waits = self.state.fill_due.is_some() && !self.state.fill_is_due();
        !waits && self.state.place.as_ref().is_some_and(|place| place.sequencer.gap().is_some())
    }

    async fn recheck(&mut self, rechecks: Vec<(UserId, oneshot::Sender<()>)>) {
        let users: Vec<UserId> = rechecks.iter().map(|(user, _)| user.clone()).collect();
        let Some(snapshot) = self.read(&[], &users).await else { return };
        for (user, done) in rechecks {
            if self.may_view(&snapshot, &user, &self.root.room()).is_err() {
                self.state.family.remove_user(&user);
            }
            done.send(()).ok();
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl State {
    fn wake_at(&self, options: &HubOptions) -> Option<Instant> {
        let joins = self.joins_due(options);
        let linger = self.empty_since.map(|since| since + self.linger(options));
        let doubt = self.doubt_due(options);
        [joins, linger, self.presence_due, self.refresh_due, self.fill_due, doubt].into_iter().flatten().min()
    }

    /// Whoever can write to the bus can raise doubts as fast as they like; the log is asked at a pace.
    fn doubt_due(&self, options: &HubOptions) -> Option<Instant> {
        self.in_doubt.then(|| self.last_read.map_or_else(now, |at| at + options.retry))
    }

    fn doubt_is_due(&self, options: &HubOptions) -> bool {
        self.doubt_due(options).is_some_and(|due| due <= now())
    }

    /// The first join after a quiet time is answered at once; in a storm they gather for a window.
    fn joins_due(&self, options: &HubOptions) -> Option<Instant> {
        if self.joins.is_empty() {
            return None;
        }
        Some(self.last_read.map_or_else(now, |at| at + options.join_window))
    }

    fn joins_are_due(&self, options: &HubOptions) -> bool {
        self.joins_due(options).is_some_and(|due| due <= now())
    }

    fn fill_is_due(&self) -> bool {
        self.fill_due.is_some_and(|due| due <= now())
    }

    fn note_emptiness(&mut self) {
        let empty = self.family.is_empty() && !self.family.attendance.is_watched() && self.joins.is_empty();
        match (empty, self.empty_since) {
            (true, None) => self.empty_since = Some(now()),
            (false, Some(_)) => self.empty_since = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// A gap may have closed in another way than the one that waits for it, by a join's reading of the
    /// log or by a jump. Nothing is due then, and a time in the past would keep the task awake.
    fn note_closed_gap(&mut self) {
        if self.place.as_ref().is_none_or(|place| place.sequencer.gap().is_none()) {
            self.fill_due = None;
        }
    }

    fn has_lingered(&self, options: &HubOptions) -> bool {
        self.empty_since.is_some_and(|since| now() - since >= self.linger(options))
    }

    /// Whoever was here may come back soon. Nobody can come to what does not exist, and clients can think of any
    /// number of such roots.
    fn linger(&self, options: &HubOptions) -> Duration {
        if self.was_entered { options.linger } else { Duration::ZERO }
    }
}
