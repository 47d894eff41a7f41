//! Revocation: whoever's access ends is out everywhere, and nobody else is.

mod cluster;
mod everywhere;
mod service;
mod sockets;
mod topologies;
