//! The gateway through a real socket.

mod access;
mod commands;
mod connect;
mod drain;
mod limits;
mod publish;
mod recovery;
mod slow;
mod storm;
mod tokens;
