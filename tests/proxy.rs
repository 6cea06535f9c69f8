//! Proxies on the way to the cloud: named by the application or by the environment, with credentials and without.

use std::{
    env,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Command, Output},
    time::Duration,
};

use offhook::{
    Client, ConnectError, ConnectFailure, DialError, Endpoints, Engine, EngineConfig, Proxy as Named, ReplyError,
};
use offhook_sim::{Cloud, CloudConfig};
use offhook_tests::proxy::{Proxy, Rules};
use secrecy::ExposeSecret;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

/// No resolver knows these names (RFC 6761 section 6.4); the proxy does.
const API: &str = "http://api.invalid";
const STREAMING: &str = "ws://streaming.invalid";

async fn connect(token: &str, proxy: Named) -> Result<(), ConnectFailure> {
    let mut config = EngineConfig::default();
    config.proxy = proxy;
    let client = Client::builder(Endpoints::new(API, STREAMING, None, true).unwrap(), token)
        .engine(Engine::new(&config).unwrap())
        .addresses([IpAddr::V4(Ipv4Addr::LOCALHOST)])
        .build()
        .unwrap();
    let result = timeout(LIMIT, client.connect()).await.expect("it is decided in time");
    client.shutdown().await;
    result
}

fn named(address: SocketAddr, credentials: &str) -> Named {
    Named::Url(format!("http://{credentials}{address}").parse().unwrap())
}

#[tokio::test]
async fn rest_and_websocket_go_through_the_proxy_with_its_credentials() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let token = cloud.default_token();
    let rules = Rules {
        credentials: Some("al@addin:open sesame".into()),
        ..Rules::default()
    };
    let proxy = Proxy::start(cloud.address(), rules).await;
    let through = named(proxy.address, "al%40addin:open%20sesame@");
    connect(token.expose_secret(), through).await.unwrap();
    let mut requests = proxy.requests();
    requests.sort();
    assert_eq!(
        requests,
        [
            "CONNECT streaming.invalid:80 HTTP/1.1",
            "GET http://api.invalid/api/v2/users/me HTTP/1.1",
            "POST http://api.invalid/api/v2/notifications/channels?connectionType=streaming HTTP/1.1",
        ]
    );

    let error = connect(token.expose_secret(), named(proxy.address, ""))
        .await
        .unwrap_err();
    let ConnectFailure::Failed(ConnectError::Rest(ReplyError::Status { status: 407, .. })) = error else {
        panic!("the proxy wants to know who asks: {error}");
    };
    cloud.stop().await;
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_is_told_with_its_status() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let token = cloud.default_token();
    let rules = Rules {
        tunnels_refused: Some("503 Busy\r\nRetry-After: 7"),
        ..Rules::default()
    };
    let proxy = Proxy::start(cloud.address(), rules).await;
    let error = connect(token.expose_secret(), named(proxy.address, ""))
        .await
        .unwrap_err();
    let expected = DialError::ProxyRefused {
        host: "streaming.invalid:80".into(),
        proxy: format!("http://{}", proxy.address),
        status: 503,
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(error, ConnectFailure::Failed(ConnectError::Dial(expected)));
    cloud.stop().await;
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_blamed_instead_of_the_server() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let error = connect("token", named(nobody, "user:hush@"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("through the proxy http://{nobody}: ")),
        "{error}"
    );
    assert!(!error.contains("hush"), "{error}");
}

/// What a program of this environment says when it connects.
fn program(token: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "a_program_that_connects", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .env(PROGRAM, token)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

const PROGRAM: &str = "OFFHOOK_TESTS_TOKEN";

/// The program: it connects as its environment says. Nothing, where no test runs it.
#[tokio::test]
async fn a_program_that_connects() {
    if let Ok(token) = env::var(PROGRAM) {
        match connect(&token, Named::Environment).await {
            Ok(()) => println!("connected"),
            Err(error) => println!("failed: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_proxy_and_who_is_exempt() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let token = cloud.default_token().expose_secret().to_owned();
    let proxy = Proxy::start(cloud.address(), Rules::default()).await;
    let address = proxy.address.to_string();
    for (environment, expected, requests) in [
        (&[("HTTP_PROXY", &*address)][..], "connected", 3),
        (&[("ALL_PROXY", &*address)], "connected", 3),
        (&[("HTTPS_PROXY", &*address)], "cannot reach api.invalid:80", 0),
        (
            &[("http_proxy", &*address), ("NO_PROXY", "invalid")],
            "cannot reach api.invalid:80",
            0,
        ),
        (
            &[("http_proxy", &*address), ("no_proxy", "streaming.invalid")],
            "cannot reach streaming.invalid:80",
            2,
        ),
        (
            &[("ALL_PROXY", "socks5://user:hush@localhost")],
            "a proxy of type socks5 cannot be used",
            0,
        ),
    ] {
        let before = proxy.requests().len();
        let (token, said) = (
            token.clone(),
            environment.iter().map(|(n, v)| (n.to_string(), v.to_string())),
        );
        let variables: Vec<_> = said.collect();
        let running = tokio::task::spawn_blocking(move || {
            let variables: Vec<_> = variables.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            program(&token, &variables)
        });
        let output = running.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains(expected) && !said.contains("hush"),
            "{environment:?}: {said}"
        );
        assert_eq!(proxy.requests().len() - before, requests, "{environment:?}");
    }
    cloud.stop().await;
}
