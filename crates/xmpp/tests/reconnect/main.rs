//! The reconnect policy on a virtual clock.

mod backoff;
mod channels;
mod commands;
mod properties;
mod restart;
mod rig;
mod table;
