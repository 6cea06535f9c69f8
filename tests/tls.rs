//! Encrypted signalling: the simulated cloud behind a terminator of TLS, whose authority the client is told of, or not.

use std::{fs, net::SocketAddr, time::Duration};

use offhook::{Client, Endpoints, Engine, EngineConfig, Proxy as Named};
use offhook_sim::{Cloud, CloudConfig, Cut};
use offhook_tests::{
    authority::certificate,
    proxy::{Proxy, Rules},
    softphone,
    terminator::terminate,
};
use secrecy::ExposeSecret;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn rest_and_websocket_are_encrypted_and_the_authority_is_checked() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let (config, authority) = certificate();
    let port = terminate(config, cloud.address()).await;
    let endpoints = Endpoints::new(
        &format!("https://localhost:{port}"),
        &format!("wss://localhost:{port}"),
        None,
        false,
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let anchor = folder.path().join("authority.pem");
    fs::write(&anchor, authority).unwrap();

    let mut trusting = EngineConfig::default();
    trusting.trust_anchors.push(anchor.clone());
    let token = cloud.default_token();
    let client = Client::builder(endpoints.clone(), token.expose_secret())
        .engine(Engine::new(&trusting).unwrap())
        .build()
        .unwrap();
    timeout(LIMIT, client.connect()).await.unwrap().unwrap();
    client.shutdown().await;

    let client = Client::builder(endpoints, token.expose_secret())
        .engine(Engine::new(&EngineConfig::default()).unwrap())
        .build()
        .unwrap();
    let error = timeout(LIMIT, client.connect()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    client.shutdown().await;

    fs::write(&anchor, "no certificate").unwrap();
    let error = Engine::new(&trusting).unwrap_err();
    assert!(error.to_string().contains("authority.pem"), "{error}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_cloud_with_tls_of_its_own_serves_those_who_trust_its_authority() {
    let config = CloudConfig {
        tls: true,
        ..CloudConfig::default()
    };
    let cloud = Cloud::start(config).await.unwrap();
    assert!(cloud.api_url().starts_with("https://127.0.0.1:"));
    let folder = tempfile::tempdir().unwrap();
    let anchor = folder.path().join("authority.pem");
    fs::write(&anchor, cloud.authority().expect("it has TLS")).unwrap();
    let mut trusting = EngineConfig::default();
    trusting.trust_anchors.push(anchor);
    let engine = Engine::new(&trusting).unwrap();
    let (client, mut diary) = softphone::connected(softphone::builder(&cloud).engine(engine)).await;

    let call = softphone::call(&cloud, &mut diary).await;
    for cut in [Cut::Reset, Cut::Fin, Cut::Close] {
        assert_eq!(cloud.cut(&cut, None), 1, "{cut:?}");
        diary.disconnected().await;
        diary.connected().await;
    }
    softphone::goes_on(&call).await;
    client.shutdown().await;

    let stranger = softphone::builder(&cloud).build().unwrap();
    let error = timeout(LIMIT, stranger.connect()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    stranger.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_proxy_sees_names_and_no_more_and_may_be_spoken_to_encrypted() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let (config, authority) = certificate();
    let port = terminate(config.clone(), cloud.address()).await;
    let rules = Rules {
        credentials: Some("user:hush".into()),
        ..Rules::default()
    };
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port)), rules).await;
    let encrypted = terminate(config, proxy.address).await;
    let folder = tempfile::tempdir().unwrap();
    let anchor = folder.path().join("authority.pem");
    fs::write(&anchor, authority).unwrap();

    for named in [
        format!("http://user:hush@{}", proxy.address),
        format!("https://user:hush@localhost:{encrypted}"),
    ] {
        let before = proxy.requests().len();
        let mut config = EngineConfig::default();
        config.trust_anchors.push(anchor.clone());
        config.proxy = Named::Url(named.parse().unwrap());
        let endpoints = Endpoints::new("https://localhost", "wss://localhost:4433", None, false).unwrap();
        let client = Client::builder(endpoints, cloud.default_token().expose_secret())
            .engine(Engine::new(&config).unwrap())
            .build()
            .unwrap();
        timeout(LIMIT, client.connect()).await.unwrap().unwrap();
        client.shutdown().await;
        let mut requests = proxy.requests().split_off(before);
        requests.sort();
        requests.dedup();
        let seen = ["CONNECT localhost:443 HTTP/1.1", "CONNECT localhost:4433 HTTP/1.1"];
        assert_eq!(requests, seen, "{named}");
    }
    cloud.stop().await;
}
