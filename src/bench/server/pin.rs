//! Which processor a thread may use: the server gets one, the clients another, so that neither measures the other.

use std::io;

use crate::bench::error::BenchError;

/// The processors of this bench.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub clients: usize,
}

impl Cores {
    /// The first processor for the server and the second for the clients; none on a machine with one.
    pub fn of_this_machine() -> Option<Self> {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        (cfg!(target_os = "linux") && count > 1).then_some(Self { server: 0, clients: 1 })
    }
}

/// Binds the calling thread, and what it starts from now on, to one processor.
///
/// # Errors
/// When the processor may not be used, or the system cannot bind threads.
#[cfg(target_os = "linux")]
pub fn pin_thread(core: usize) -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set)?;
    Ok(())
}

/// Does the work bound to `core`, if there is one, and gives the calling thread its processors back. What the work starts
/// stays bound.
///
/// # Errors
/// Those of the work, and when the processor may not be used.
#[cfg(target_os = "linux")]
pub fn on_core<T>(core: Option<usize>, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(core) = core else { return work() };
    let before = rustix::thread::sched_getaffinity(None)?;
    pin_thread(core)?;
    let done = work();
    rustix::thread::sched_setaffinity(None, &before)?;
    done
}

/// Does the work on a thread that may use all processors, although the calling one may be bound to one.
///
/// # Errors
/// When the system will not give them back.
#[cfg(target_os = "linux")]
pub fn unpinned<T: Send>(pinned: bool, work: impl FnOnce() -> T + Send) -> Result<T, BenchError> {
    let free = move || {
        if pinned {
            let mut set = rustix::thread::CpuSet::new();
            (0..rustix::thread::CpuSet::MAX_CPU).for_each(|core| set.set(core));
            rustix::thread::sched_setaffinity(None, &set).map_err(io::Error::from)?;
        }
        Ok(work())
    };
    std::thread::scope(|scope| scope.spawn(free).join())
        .map_err(|_| BenchError::Usage("the measured thread panicked".into()))?
        .map_err(BenchError::machine("use all processors"))
}

#[cfg(not(target_os = "linux"))]
pub fn on_core<T>(_core: Option<usize>, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    work()
}

#[cfg(not(target_os = "linux"))]
pub fn unpinned<T: Send>(_pinned: bool, work: impl FnOnce() -> T + Send) -> Result<T, BenchError> {
    Ok(work())
}

#[cfg(not(target_os = "linux"))]
pub fn pin_thread(_core: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
