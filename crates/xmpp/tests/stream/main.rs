//! Conversations with an [`offhook_xmpp::Stream`], in virtual time.

mod bad_servers;
mod closing;
mod connect;
mod frames;
mod messages;
mod properties;
mod requests;
mod rig;
mod table;
