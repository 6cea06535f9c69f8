//! The client's stream against Prosody, a server that others wrote: `apt-get install prosody lua-sec lua-event lua-expat`.
//!
//! Each test starts a server of its own, in a temporary folder and on a free port of the loopback, and stops it. Between
//! client and server stands a relay where the network has to fail.

mod connecting;
mod exchanging;
mod relay;
mod resuming;
mod returning;
