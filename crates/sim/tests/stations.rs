//! Where users are called, and which of their connections rings.

mod support;

use offhook_sim::{Cloud, CloudConfig, Station, User};
use serde_json::{Value, json};
use support::pubsub::{event, pubsub};
use support::{Client, cloud, http};

async fn two() -> (Cloud, Client) {
    let cloud = cloud(CloudConfig {
        users: vec![User::new("Anna", "token-a"), User::new("Ben", "token-b")],
        ..CloudConfig::default()
    })
    .await;
    let mut client = Client::connect(&cloud, "one").await;
    for topic in ["station", "alertingleader"] {
        pubsub(&mut client, "subscribe", &format!("v2.users.user-anna.{topic}")).await;
    }
    (cloud, client)
}

async fn rest(cloud: &Cloud, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/v2/{path}");
    http::request(cloud, method, &path, Some(token), Some(&body.to_string())).await
}

/// The next event of a station: what was done, and with which.
async fn change(client: &mut Client) -> (Value, Value) {
    let (node, payload) = event(client).await;
    assert_eq!(node, "v2.users.user-anna.station");
    let station = payload["eventBody"]["associatedStation"]["id"].clone();
    (payload["metadata"]["action"].clone(), station)
}

#[tokio::test]
async fn a_user_is_called_at_the_station_that_was_associated_last() {
    let (cloud, mut anna) = two().await;
    let own = "users/user-anna/station/associatedstation";
    assert_eq!(rest(&cloud, "DELETE", own, "token-b", Value::Null).await.0, 403);
    assert_eq!(rest(&cloud, "DELETE", own, "token-a", Value::Null).await.0, 202);
    assert_eq!(change(&mut anna).await, (json!("Disassociated"), Value::Null));
    assert_eq!(cloud.station("user-anna"), None);
    let (_, me) = rest(&cloud, "GET", "users/me?expand=station", "token-a", Value::Null).await;
    assert_eq!(me["station"]["effectiveStation"], Value::Null);

    // Who takes the station of another one leaves that one without.
    let bens = format!("{own}/station-ben");
    assert_eq!(rest(&cloud, "PUT", &bens, "token-a", Value::Null).await.0, 202);
    assert_eq!(change(&mut anna).await, (json!("Associated"), json!("station-ben")));
    assert_eq!(cloud.station("user-ben"), None);
    let (_, station) = rest(&cloud, "GET", "stations/station-ben", "token-b", Value::Null).await;
    assert_eq!(
        (&station["userId"], &station["status"]),
        (&json!("user-anna"), &json!("ASSOCIATED"))
    );
    assert_eq!(
        rest(&cloud, "PUT", &format!("{own}/none"), "token-a", Value::Null)
            .await
            .0,
        404
    );

    let settings = Station {
        id: "station-new".to_owned(),
        lines: 3,
        relayed: true,
        persistent: true,
    };
    cloud.set_station("user-anna", Some(settings.clone())).expect("Anna");
    assert_eq!(change(&mut anna).await, (json!("Associated"), json!("station-new")));
    assert_eq!(cloud.station("user-anna"), Some(settings));
    let (_, station) = rest(&cloud, "GET", "stations/station-new", "token-a", Value::Null).await;
    let flags = ["webRtcCallAppearances", "webRtcForceTurn", "webRtcPersistentEnabled"].map(|name| &station[name]);
    assert_eq!(flags, [&json!(3), &json!(true), &json!(true)]);

    let body = json!({ "id": "station-ben", "lines": 2 }).to_string();
    let control = async |method: &str, user: &str| {
        let path = format!("/control/users/{user}/station");
        http::request(&cloud, method, &path, None, Some(&body)).await.0
    };
    assert_eq!(control("POST", "user-anna").await, 204);
    assert_eq!(change(&mut anna).await, (json!("Associated"), json!("station-ben")));
    assert_eq!(cloud.station("user-anna").map(|station| station.lines), Some(2));
    assert_eq!(control("DELETE", "user-anna").await, 204);
    assert_eq!(change(&mut anna).await.0, "Disassociated");
    assert_eq!(control("POST", "nobody").await, 404);
    assert!(cloud.set_station("nobody", None).is_err());
    cloud.stop().await;
}

#[tokio::test]
async fn one_of_the_connections_that_can_ring_leads() {
    let (cloud, mut anna) = two().await;
    let leader = async || rest(&cloud, "GET", "users/alertingleader", "token-a", Value::Null).await;
    assert_eq!(leader().await.0, 400, "nobody can ring");
    let alertable = async |connection: &str, alertable: bool| {
        let path = format!("apps/users/user-anna/connections/{connection}");
        rest(&cloud, "PATCH", &path, "token-a", json!({ "alertable": alertable }))
            .await
            .0
    };
    let mut told = async || event(&mut anna).await.1["eventBody"]["connectionId"].clone();
    assert_eq!(alertable("first", true).await, 200);
    assert_eq!(told().await, "first");
    assert_eq!(alertable("second", true).await, 200);
    assert_eq!(
        leader().await,
        (200, json!({ "connectionId": "first" })),
        "who came first leads"
    );
    let claim = json!({ "connectionId": "second" });
    assert_eq!(
        rest(&cloud, "PUT", "users/alertingleader", "token-a", claim).await.0,
        202
    );
    assert_eq!(told().await, "second");
    assert_eq!(alertable("second", false).await, 200);
    assert_eq!(told().await, "first");
    cloud.set_alerting_leader("user-anna", None);
    assert_eq!(told().await, Value::Null);
    assert_eq!(cloud.alerting_leader("user-anna"), None);
    assert_eq!(
        rest(&cloud, "PUT", "users/alertingleader", "token-a", json!({}))
            .await
            .0,
        400
    );
    let path = "apps/users/user-anna/connections/first";
    assert_eq!(
        rest(&cloud, "PATCH", path, "token-b", json!({ "alertable": true }))
            .await
            .0,
        403
    );
    assert_eq!(rest(&cloud, "PATCH", path, "token-a", json!({})).await.0, 400);
    cloud.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_gone_leads_no_more() {
    let (cloud, mut anna) = two().await;
    let mut other = Client::connect(&cloud, "other").await;
    for connection in ["other", "one"] {
        let path = format!("apps/users/user-anna/connections/{connection}");
        let (status, _) = rest(&cloud, "PATCH", &path, "token-a", json!({ "alertable": true })).await;
        assert_eq!(status, 200);
    }
    let mut told = async || event(&mut anna).await.1["eventBody"]["connectionId"].clone();
    assert_eq!(told().await, "other");
    other.close().await;
    assert_eq!(told().await, "one");
    anna.close().await;
    let nobody = async || {
        while cloud.alerting_leader("user-anna").is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    support::soon("nobody leads", nobody()).await;
    cloud.stop().await;
}
