//! Stories about the lake, each on a lake of its own: what is in the tables is always compared
//! with what the snapshots give when they are mapped directly.

mod commits;
mod crashes;
mod digests;
mod dimensions;
mod parts;
mod rebuilds;
mod snapshots;
mod splicing;
mod damage;
mod trees;
mod world;
mod losses;
