//! Places for strangers: how many connections of one address may be open without having authenticated.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::protocol::{Code, Problem};

/// The places of all addresses.
#[derive(Debug)]
pub(super) struct Places {
    /// How many each address has.
    limit: u32,
    taken: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection's place, in the extensions of its handshake: taken while its client has not authenticated, and
/// again when the client has left the namespace. Once the connection is gone it is free for good; a WebSocket's
/// lane sees to that, because the transport remembers the handshake for longer than its socket.
#[derive(Debug)]
pub(super) struct Place {
    address: IpAddr,
    places: Arc<Places>,
    /// While it is taken; cancelled when it is free again.
    taken: Mutex<Option<CancellationToken>>,
}

impl Places {
    /// `limit` places for each address.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, taken: Mutex::default() }
    }

    /// Takes one of the address's places.
    ///
    /// # Errors
    /// `rate_limited` when all are taken.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Arc<Place>, Problem> {
        let place = Place { address, places: self.clone(), taken: Mutex::default() };
        place.take()?;
        Ok(Arc::new(place))
    }

    fn add(&self, address: IpAddr) -> Result<(), Problem> {
        let mut taken = lock(&self.taken);
        let count = taken.entry(address).or_insert(0);
        if *count >= self.limit {
            metrics::counter!("ws_rate_limited_total", "limit" => "unauthenticated_per_address").increment(1);
            let problem =
                Problem::new(Code::RateLimited, "Too many connections of this address wait to authenticate.");
            return Err(problem.retry_after(Duration::from_secs(1)));
        }
        *count += 1;
        Ok(())
    }

    fn remove(&self, address: IpAddr) {
        if let Entry::Occupied(mut entry) = lock(&self.taken).entry(address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

impl Place {
    /// Takes it again. What is returned is cancelled when it is free.
    ///
    /// # Errors
    /// `rate_limited` when others have all the places of the address.
    pub(super) fn take(&self) -> Result<CancellationToken, Problem> {
        let mut taken = lock(&self.taken);
        if let Some(freed) = &*taken {
            return Ok(freed.clone());
        }
        self.places.add(self.address)?;
        Ok(taken.insert(CancellationToken::new()).clone())
    }

    /// The client has authenticated or gone.
    pub(super) fn free(&self) {
        let Some(freed) = lock(&self.taken).take() else { return };
        self.places.remove(self.address);
        freed.cancel();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.free();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_back_when_connections_authenticate_or_end() {
        let places = Arc::new(Places::new(2));
        let address = "192.0.2.1".parse().unwrap();
        let first = places.take(address).unwrap();
        let second = places.take(address).unwrap();
        assert_eq!(places.take(address).map(|_| ()).unwrap_err().code, Code::RateLimited);
        assert!(places.take("192.0.2.2".parse().unwrap()).is_ok());
        first.free();
        drop(first);
        drop(second);
        assert!(lock(&places.taken).is_empty());
    }

    #[test]
    fn a_place_can_be_taken_again_and_says_when_it_is_free() {
        let places = Arc::new(Places::new(1));
        let address = "192.0.2.1".parse().unwrap();
        let place = places.take(address).unwrap();
        place.free();
        let freed = place.take().unwrap();
        assert!(places.take(address).is_err() && place.take().is_ok(), "it counts once");
        assert!(!freed.is_cancelled());
        place.free();
        assert!(freed.is_cancelled());
        let other = places.take(address).unwrap();
        assert!(place.take().is_err());
        drop((place, other));
        assert!(lock(&places.taken).is_empty());
    }
}
