//! The demo's own check must be able to fail.

use super::*;

#[tokio::test]
async fn the_demo_passes_and_a_muted_far_end_fails_it() {
    let folder = tempfile::tempdir().unwrap();
    let whole = calls(&folder.path().join("whole"), &CallFaults::default(), false)
        .await
        .unwrap();
    assert!(whole.passes(), "{whole}");
    let muted = CallFaults {
        muted: true,
        ..CallFaults::default()
    };
    let verdict = calls(&folder.path().join("muted"), &muted, false).await.unwrap();
    assert!(!verdict.passes(), "silence was taken for speech: {verdict}");
}
