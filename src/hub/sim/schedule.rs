//! The scheduler of the simulation: one thread, a clock that jumps to what happens next, and a seed
//! that decides which of the tasks that could go on does.
//!
//! [`crate::hub::time`] leads here in tests. A test that runs no schedule gets what tokio has.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::future::{AbortHandle, BoxFuture, abortable};
use rand::{Rng, SeedableRng, rngs::StdRng};
pub use tokio::time::Instant;

use crate::hub::lock;

thread_local! {
    /// The schedule that this thread runs.
    static CURRENT: RefCell<Option<Rc<Schedule>>> = const { RefCell::new(None) };
}

/// Which instant a waiting future waits for, and which one of those it is.
type TimerKey = (Instant, u64);

struct Schedule {
    now: RefCell<Instant>,
    tasks: RefCell<BTreeMap<u64, BoxFuture<'static, ()>>>,
    timers: RefCell<BTreeMap<TimerKey, Waker>>,
    next_number: RefCell<u64>,
    ready: Arc<Mutex<Vec<u64>>>,
    random: RefCell<StdRng>,
    steps: Cell<u64>,
}

/// The limit came first.
#[derive(Debug)]
pub struct TooLate;

fn current() -> Option<Rc<Schedule>> {
    CURRENT.with_borrow(Clone::clone)
}

/// The schedule's time, or the real one.
pub fn now() -> Instant {
    current().map_or_else(Instant::now, |schedule| *schedule.now.borrow())
}

/// Waits until the instant.
pub async fn sleep_until(at: Instant) {
    let key = current().map(|schedule| schedule.number());
    match key {
        Some(key) => Sleep { at, key }.await,
        None => tokio::time::sleep_until(at).await,
    }
}

/// Waits for so long.
pub async fn sleep(duration: Duration) {
    sleep_until(now() + duration).await;
}

/// The future's output, unless the limit comes first.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, TooLate> {
    let mut future = pin!(future);
    tokio::select! {
        biased;
        output = &mut future => Ok(output),
        () = sleep(limit) => Err(TooLate),
    }
}

/// Runs a task beside the others. It ends with the schedule, or by the handle.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    let (task, handle) = abortable(task);
    let task = async {
        let _ = task.await;
    };
    match current() {
        Some(schedule) => schedule.add(Box::pin(task)),
        None => drop(tokio::spawn(task)),
    }
    handle
}

/// Runs the future, and the tasks that come of it, to the future's end.
///
/// # Panics
/// When nothing can ever happen again, or the same again and again.
pub fn run<T>(seed: u64, main: impl Future<Output = T>) -> T {
    let schedule = Rc::new(Schedule {
        now: RefCell::new(Instant::now()),
        tasks: RefCell::default(),
        timers: RefCell::default(),
        next_number: RefCell::new(1),
        ready: Arc::default(),
        random: RefCell::new(StdRng::seed_from_u64(seed)),
        steps: Cell::new(0),
    });
    CURRENT.set(Some(Rc::clone(&schedule)));
    let output = schedule.run(main);
    // What tasks do while they are dropped may still look at the clock.
    while let Some((_, task)) = { schedule.tasks.borrow_mut().pop_first() } {
        drop(task);
    }
    CURRENT.set(None);
    output
}

/// The number of the future that is run.
const MAIN: u64 = 0;
/// A schedule of more steps goes round in circles; usual ones take some ten thousand.
const STEPS: u64 = 1_000_000;

impl Schedule {
    fn run<T>(&self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        lock(&self.ready).push(MAIN);
        loop {
            while let Some(number) = self.take_ready() {
                self.step();
                let waker = Waker::from(Arc::new(Ready { number, queue: Arc::clone(&self.ready) }));
                let mut context = Context::from_waker(&waker);
                if number == MAIN {
                    if let Poll::Ready(output) = main.as_mut().poll(&mut context) {
                        return output;
                    }
                    continue;
                }
                // Taken out, because it may add others while it runs.
                let Some(mut task) = ({ self.tasks.borrow_mut().remove(&number) }) else { continue };
                if task.as_mut().poll(&mut context).is_pending() {
                    self.tasks.borrow_mut().insert(number, task);
                }
            }
            self.go_on_to_the_next_timer();
        }
    }

    fn step(&self) {
        self.steps.set(self.steps.get() + 1);
        assert!(self.steps.get() < STEPS, "something goes round in circles");
    }

    /// Any of those that can go on.
    fn take_ready(&self) -> Option<u64> {
        let mut ready = lock(&self.ready);
        if ready.is_empty() {
            return None;
        }
        let index = self.random.borrow_mut().random_range(0..ready.len());
        Some(ready.swap_remove(index))
    }

    fn go_on_to_the_next_timer(&self) {
        let mut timers = self.timers.borrow_mut();
        let at = timers.first_key_value().map(|((at, _), _)| *at).expect("something that will happen");
        *self.now.borrow_mut() = at;
        while let Some(entry) = timers.first_entry()
            && entry.key().0 <= at
        {
            entry.remove().wake();
        }
    }

    fn add(&self, task: BoxFuture<'static, ()>) {
        let number = self.number();
        self.tasks.borrow_mut().insert(number, task);
        lock(&self.ready).push(number);
    }

    fn number(&self) -> u64 {
        let mut next = self.next_number.borrow_mut();
        *next += 1;
        *next
    }
}

struct Ready {
    number: u64,
    queue: Arc<Mutex<Vec<u64>>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        let mut queue = lock(&self.queue);
        if !queue.contains(&self.number) {
            queue.push(self.number);
        }
    }
}

struct Sleep {
    at: Instant,
    key: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(schedule) = current() else { return Poll::Ready(()) };
        schedule.step();
        if *schedule.now.borrow() >= self.at {
            return Poll::Ready(());
        }
        schedule.timers.borrow_mut().insert((self.at, self.key), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(schedule) = current() {
            schedule.timers.borrow_mut().remove(&(self.at, self.key));
        }
    }
}
