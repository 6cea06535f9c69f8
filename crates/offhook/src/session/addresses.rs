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
        /// Also those of IPv6.
        ipv6: bool,
    },
}

impl Addresses {
    /// The addresses, now.
    pub(crate) fn list(&self) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::Fixed(addresses) => Ok(addresses.clone()),
            Self::Interfaces { loopback, ipv6 } => {
                let interfaces = get_if_addrs()?;
                let usable = interfaces
                    .iter()
                    .filter(|interface| *loopback || !interface.is_loopback());
                Ok(usable.map(Interface::ip).filter(|ip| is_usable(*ip, *ipv6)).collect())
            }
        }
    }
}

/// Reachable beyond the link.
fn is_usable(ip: IpAddr, ipv6: bool) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => ipv6 && !ip.is_unicast_link_local(),
    }
}
