//! STUN and TURN servers: the cloud's, the application's, and what they allow.

use offhook::{CommandError, Event, IcePolicy, IceServer, IceServers};
use offhook_sim::ExternalService;
use offhook_tests::softphone::{Diary, builder, connected};

use crate::cloud;

async fn told(diary: &mut Diary) -> IceServers {
    let (_, servers) = diary
        .until(|event| match event {
            Event::IceServers(servers) => Some(servers.clone()),
            _ => None,
        })
        .await;
    servers
}

#[tokio::test]
async fn the_applications_servers_stand_until_the_clouds_are_asked_for_again() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let clouds = told(&mut diary).await;
    assert_eq!(clouds.policy, IcePolicy::All);
    assert!(clouds.servers[0].urls[0].starts_with("stun:127.0.0.1:"), "{clouds:?}");
    assert_eq!(client.ice_servers().await, clouds);

    let own = IceServer {
        urls: vec!["turn:turn.example.com:3478?transport=udp".to_owned()],
        username: Some("agent".to_owned()),
        credential: Some("a TURN password".into()),
    };
    client.set_ice_servers(vec![own.clone()]).await.unwrap();
    let servers = told(&mut diary).await;
    assert_eq!((&servers.servers[..], servers.policy), (&[own][..], IcePolicy::Relay));
    assert!(!format!("{servers:?}").contains("a TURN password"));
    // They outlive the connection.
    cloud.drop_streams();
    diary.disconnected().await;
    assert_eq!(client.refresh_ice_servers().await, Err(CommandError::NotConnected));
    diary.connected().await;
    assert_eq!(client.ice_servers().await, servers);

    client.refresh_ice_servers().await.unwrap();
    assert_eq!(told(&mut diary).await, clouds);
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn without_stun_in_the_clouds_list_only_relayed_candidates_may_be_used() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    told(&mut diary).await;
    let mut turn = ExternalService::new("turn", "127.0.0.1", 3478);
    turn.username = Some("agent".to_owned());
    turn.password = Some("a TURN password".into());
    cloud.set_services(Some(vec![turn]));
    client.refresh_ice_servers().await.unwrap();
    let servers = told(&mut diary).await;
    assert_eq!(servers.policy, IcePolicy::Relay);
    assert!(
        servers.servers[0].urls[0].starts_with("turn:127.0.0.1:3478"),
        "{servers:?}"
    );
    // The next connection finds them by itself.
    cloud.set_services(None);
    cloud.drop_streams();
    diary.disconnected().await;
    diary.connected().await;
    assert_eq!(told(&mut diary).await.policy, IcePolicy::All);
    client.shutdown().await;
    cloud.stop().await;
}
