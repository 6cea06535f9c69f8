//! Where a call gathers its host candidates.

use std::{io, net::IpAddr};

use if_addrs::{Interface, get_if_addrs};

/// The local addresses that media use.
pub(crate) enum Addresses {
    /// These.
    Fixed(Vec<IpAddr>),
    /// Those that the interfaces have now: networks come and go in a client's life.
    Interfaces {
        /// Also those of loopback.
        loopback: bool,
    },
}

impl Addresses {
    /// The addresses, now.
    pub(crate) fn list(&self) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::Fixed(addresses) => Ok(addresses.clone()),
            Self::Interfaces { loopback } => {
                let interfaces = get_if_addrs()?;
                let usable = interfaces
                    .iter()
                    .filter(|interface| *loopback || !interface.is_loopback());
                Ok(usable.map(Interface::ip).filter(|ip| is_usable(*ip)).collect())
            }
        }
    }
}

/// IPv4, and reachable beyond the link.
fn is_usable(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if !ip.is_link_local())
}
