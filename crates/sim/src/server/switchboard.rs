//! What can be switched under streams that are open already.

use std::sync::{Arc, Mutex};

use minidom::Element;
use secrecy::{ExposeSecret, SecretString};

use crate::faults::{RejectedTopic, Throttle};
use crate::stanza::{element, ns, set};

/// The switches that streams look at whenever they are asked something. Clones are the same
/// switches.
#[derive(Debug, Clone, Default)]
pub struct Switchboard(Arc<Mutex<Switches>>);

#[derive(Debug, Default)]
struct Switches {
    services: Vec<ExternalService>,
    throttle: Option<Throttle>,
    rejected_topics: Vec<RejectedTopic>,
}

/// An external service that clients are told of (XEP-0215).
#[derive(Debug, Clone)]
pub struct ExternalService {
    /// `stun`, `turn` or `turns`.
    pub kind: String,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `udp` or `tcp`.
    pub transport: String,
    /// The user name, for services that want one.
    pub username: Option<String>,
    /// The password, for services that want one.
    pub password: Option<SecretString>,
}

impl ExternalService {
    /// A service over UDP without credentials.
    #[must_use]
    pub fn new(kind: &str, host: &str, port: u16) -> Self {
        Self {
            kind: kind.to_owned(),
            host: host.to_owned(),
            port,
            transport: "udp".to_owned(),
            username: None,
            password: None,
        }
    }

    fn to_element(&self) -> Element {
        let port = self.port.to_string();
        let attributes = [
            ("type", self.kind.as_str()),
            ("host", &self.host),
            ("port", &port),
            ("transport", &self.transport),
        ];
        let mut service = element("service", ns::EXTDISCO, &attributes);
        if let Some(username) = &self.username {
            set(&mut service, "username", username);
        }
        if let Some(password) = &self.password {
            set(&mut service, "password", password.expose_secret());
        }
        service
    }
}

impl Switchboard {
    /// Replaces the services that clients are told of.
    pub fn set_services(&self, services: Vec<ExternalService>) {
        crate::lock(&self.0).services = services;
    }

    /// The services that clients are told of.
    #[must_use]
    pub fn services(&self) -> Vec<ExternalService> {
        crate::lock(&self.0).services.clone()
    }

    /// The services that answer a question for `kind`; all without one. Whoever asks for `turn`
    /// is told of `turns` too.
    pub(super) fn service_elements(&self, kind: Option<&str>) -> Vec<Element> {
        let fits = |service: &&ExternalService| {
            kind.is_none_or(|kind| service.kind == kind || (kind == "turn" && service.kind == "turns"))
        };
        let switches = crate::lock(&self.0);
        let services = switches.services.iter().filter(fits);
        services.map(ExternalService::to_element).collect()
    }

    /// Puts requests off from now on, or no longer.
    pub fn set_throttle(&self, throttle: Option<Throttle>) {
        crate::lock(&self.0).throttle = throttle.filter(|throttle| throttle.times != Some(0));
    }

    /// What is left of the throttling.
    #[must_use]
    pub fn throttle(&self) -> Option<Throttle> {
        crate::lock(&self.0).throttle.clone()
    }

    /// Whether this request is put off; it counts as such then.
    pub(super) fn puts_off(&self, request: &Element) -> bool {
        let switches = &mut *crate::lock(&self.0);
        let Some(throttle) = &mut switches.throttle else {
            return false;
        };
        let meant = throttle
            .payload
            .as_ref()
            .is_none_or(|payload| request.children().any(|child| child.name() == payload));
        if !meant {
            return false;
        }
        if let Some(times) = &mut throttle.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                switches.throttle = None;
            }
        }
        true
    }

    /// Replaces the topics that nobody may subscribe to.
    pub fn reject_topics(&self, topics: Vec<RejectedTopic>) {
        crate::lock(&self.0).rejected_topics = topics;
    }

    /// The rejection of this topic, if it is rejected.
    #[must_use]
    pub fn rejection(&self, topic: &str) -> Option<RejectedTopic> {
        let switches = crate::lock(&self.0);
        let mut rejected = switches.rejected_topics.iter();
        rejected.find(|rejected| rejected.topic == topic).cloned()
    }
}
