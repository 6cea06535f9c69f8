//! The STUN and TURN servers that calls use: what the cloud offers (XEP-0215), or what the application says.

use offhook_xmpp::Service;
use secrecy::{ExposeSecret, SecretString};

use super::{Output, Phone, StreamCommand};
use crate::{error::CommandError, event::Event};

use std::time::Instant;

/// Servers under one set of credentials, as `RTCIceServer` of WebRTC names it.
#[derive(Debug, Clone)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=tcp` and the like (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// User name for TURN.
    pub username: Option<String>,
    /// Password for TURN; never shown.
    pub credential: Option<SecretString>,
}

impl PartialEq for IceServer {
    fn eq(&self, other: &Self) -> bool {
        let credential = |server: &Self| {
            server
                .credential
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
        };
        self.urls == other.urls && self.username == other.username && credential(self) == credential(other)
    }
}

/// Which candidates may be used (`RTCIceTransportPolicy` of WebRTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IcePolicy {
    /// All kinds.
    #[default]
    All,
    /// Relayed ones only: the cloud offers no STUN.
    Relay,
}

impl IcePolicy {
    /// The policy's name in WebRTC.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Relay => "relay",
        }
    }
}

/// The servers for calls, and what they allow.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IceServers {
    /// TURN first, then STUN, each in the cloud's order; or the application's list.
    pub servers: Vec<IceServer>,
    /// `Relay` when no STUN server is among them.
    pub policy: IcePolicy,
}

impl IceServers {
    fn new(servers: Vec<IceServer>) -> Self {
        let is_stun = |url: &String| url.starts_with("stun:") || url.starts_with("stuns:");
        let stun = servers.iter().any(|server| server.urls.iter().any(is_stun));
        let policy = if stun { IcePolicy::All } else { IcePolicy::Relay };
        Self { servers, policy }
    }
}

/// What is known, and whose list it is.
#[derive(Debug, Default)]
pub(super) struct Ice {
    known: IceServers,
    /// The application's list stands until it asks for the cloud's again.
    by_application: bool,
}

impl Phone {
    /// The servers that the next session uses.
    pub fn ice_servers(&self) -> &IceServers {
        &self.ice.known
    }

    /// Uses these servers from the next session on, until [`refresh_ice_servers`](Self::refresh_ice_servers).
    ///
    /// # Errors
    /// After `shutdown`.
    pub fn set_ice_servers(&mut self, now: Instant, servers: Vec<IceServer>) -> Result<(), CommandError> {
        self.command(now)?;
        self.ice = Ice {
            known: IceServers::new(servers),
            by_application: true,
        };
        self.emit(Event::IceServers(self.ice.known.clone()));
        Ok(())
    }

    /// Asks the cloud for its servers, which then take the place of those that the application has set. They are told by
    /// [`Event::IceServers`]. By itself that happens with each new stream and every six hours.
    ///
    /// # Errors
    /// When signalling does not stand.
    pub fn refresh_ice_servers(&mut self, now: Instant) -> Result<(), CommandError> {
        self.command(now)?;
        if !self.is_connected() {
            return Err(CommandError::NotConnected);
        }
        self.ice.by_application = false;
        self.outputs.push_back(Output::Stream(StreamCommand::RefreshServices));
        Ok(())
    }

    pub(super) fn services_arrived(&mut self, services: Vec<Service>) {
        if self.ice.by_application {
            return;
        }
        let servers = services.into_iter().map(IceServer::from).collect();
        self.ice.known = IceServers::new(servers);
        self.emit(Event::IceServers(self.ice.known.clone()));
    }
}

impl From<Service> for IceServer {
    fn from(service: Service) -> Self {
        Self {
            urls: vec![service.url()],
            username: service.username,
            credential: service.password,
        }
    }
}
