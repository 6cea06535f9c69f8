//! The STUN and TURN servers of a session, as its media want them.

use offhook_media as media;
use offhook_phone::{IcePolicy, IceServers};

/// Those that can be used; the others are passed over.
pub(super) fn servers(known: &IceServers) -> Vec<media::IceServer> {
    let urls = known
        .servers
        .iter()
        .flat_map(|server| server.urls.iter().map(move |url| (server, url)));
    let read = |(server, url): (&offhook_phone::IceServer, &String)| {
        let read = media::IceServer::new(url, server.username.as_deref(), server.credential.clone());
        read.inspect_err(|error| tracing::warn!(%error, "a STUN or TURN server cannot be used"))
            .ok()
    };
    urls.filter_map(read).collect()
}

/// The stricter of what the servers allow and what the application does. A cloud that offers no servers at all cannot mean that
/// everything is to be relayed: there would be no calls.
pub(super) fn policy(known: &IceServers, wanted: IcePolicy) -> media::IcePolicy {
    let allowed = match known.servers.is_empty() {
        true => IcePolicy::All,
        false => known.policy,
    };
    match (allowed, wanted) {
        (IcePolicy::All, IcePolicy::All) => media::IcePolicy::All,
        (IcePolicy::Relay, _) | (_, IcePolicy::Relay) => media::IcePolicy::Relay,
    }
}

#[cfg(test)]
mod tests {
    use offhook_phone::IceServer;

    use super::*;

    #[test]
    fn what_cannot_be_used_is_passed_over_and_the_rest_is_not() {
        let server = |urls: &[&str], username: Option<&str>| IceServer {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            username: username.map(str::to_owned),
            credential: username.map(|_| "secret".into()),
        };
        let known = IceServers {
            servers: vec![
                server(
                    &["turn:t.example", "turns:t.example:443", "turn:t.example?transport=dccp"],
                    Some("user"),
                ),
                server(&["stun:s.example", "http://s.example"], None),
                server(&["turn:nobody.example"], None),
            ],
            policy: IcePolicy::All,
        };
        let hosts: Vec<_> = servers(&known).into_iter().map(|it| (it.host, it.port)).collect();
        let expected = [("t.example", 3478), ("t.example", 443), ("s.example", 3478)];
        assert_eq!(hosts, expected.map(|(host, port)| (host.to_owned(), port)));
    }

    #[test]
    fn the_stricter_policy_counts() {
        let turn = offhook_phone::IceServer {
            urls: vec!["turn:t.example".to_owned()],
            username: None,
            credential: None,
        };
        let known = |policy| IceServers {
            servers: vec![turn.clone()],
            policy,
        };
        assert_eq!(policy(&known(IcePolicy::All), IcePolicy::All), media::IcePolicy::All);
        assert_eq!(
            policy(&known(IcePolicy::Relay), IcePolicy::All),
            media::IcePolicy::Relay
        );
        assert_eq!(
            policy(&known(IcePolicy::All), IcePolicy::Relay),
            media::IcePolicy::Relay
        );
        let nothing = IceServers {
            servers: Vec::new(),
            policy: IcePolicy::Relay,
        };
        assert_eq!(policy(&nothing, IcePolicy::All), media::IcePolicy::All);
        assert_eq!(policy(&nothing, IcePolicy::Relay), media::IcePolicy::Relay);
    }
}
