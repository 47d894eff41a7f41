//! Many instances over Redis: what arrives, what is believed, and what happens when Redis does not.

mod faults;
mod forged;
mod instances;
mod topologies;
