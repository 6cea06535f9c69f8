//! Conversations with an [`offhook_xmpp::Stream`], in virtual time.

mod bad_servers;
mod closing;
mod connect;
mod disco;
mod frames;
mod losses;
mod messages;
mod properties;
mod pubsub;
mod requests;
mod resumption;
mod rig;
mod rules;
mod sasl;
mod sending;
mod services;
mod table;
