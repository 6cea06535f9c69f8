//! Who the user is, where they are called, and what their clients report.

mod support;

use offhook_sim::{CloudConfig, What};
use secrecy::ExposeSecret;
use support::{cloud, http};

#[tokio::test]
async fn a_client_learns_of_its_organisation_and_its_station() {
    let cloud = cloud(CloudConfig::default()).await;
    let token = cloud.default_token();
    let get = async |path: &str| http::request(&cloud, "GET", path, Some(token.expose_secret()), None).await;
    let (_, me) = get("/api/v2/users/me").await;
    assert!(me.get("station").is_none(), "only if asked: {me}");
    let (_, me) = get("/api/v2/users/me?expand=station").await;
    let station = me["station"]["effectiveStation"]["id"].as_str().expect("a station");
    let (status, station) = get(&format!("/api/v2/stations/{station}")).await;
    assert_eq!((status, &station["userId"]), (200, &me["id"]));
    assert_eq!(station["type"], "inin_webrtc_softphone");
    assert_eq!(station["webRtcCallAppearances"], 1);
    assert_eq!(get("/api/v2/stations/none").await.0, 404);
    let (status, organisation) = get("/api/v2/organizations/me").await;
    assert_eq!((status, organisation["state"].as_str()), (200, Some("active")));
    assert_eq!(
        http::request(&cloud, "GET", "/api/v2/organizations/me", None, None)
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn what_a_client_reports_is_taken_and_written_down() {
    let cloud = cloud(CloudConfig::default()).await;
    let report = r#"{"traces":["a secret"]}"#;
    let (status, _) = http::request(&cloud, "POST", "/api/v2/diagnostics/trace", None, Some(report)).await;
    assert_eq!(status, 202);
    let kept = What::Diagnostics {
        report: "trace".to_owned(),
        bytes: report.len(),
    };
    let records = cloud.records();
    assert!(records.iter().any(|record| record.what == kept), "{records:?}");
    assert!(!format!("{records:?}").contains("a secret"));
    let reports = cloud.reports();
    assert_eq!((reports.len(), reports[0].kind.as_str()), (1, "trace"));
    assert_eq!(&reports[0].body[..], report.as_bytes());
    assert!(!format!("{reports:?}").contains("a secret"));
}
