//! The world's services, on both databases: what each change does to versions, offsets and events.

mod campaigns;
mod clock;
mod commits;
mod derived;
mod limits;
mod members;
mod publishing;
mod races;
mod repeats;
mod seeding;
mod settlements;
mod structures;
