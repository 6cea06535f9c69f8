//! The cloud's HTTP side: REST, the streaming WebSocket and the control API on one port.

mod control;
mod rest;
mod streaming;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::net::TcpListener;

use crate::inner::Inner;

/// Serves until the cloud stops.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let mut closing = inner.closing.subscribe();
    let router = Router::new()
        .merge(rest::router(&inner))
        .merge(streaming::router())
        .nest("/control", control::router())
        .fallback(async || refusal(StatusCode::NOT_FOUND, "not.found", "there is nothing here"))
        .with_state(inner);
    let closed = async move {
        // Fails when the cloud is gone, which is a stop too.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(closed).await {
        tracing::error!(%error, "the simulated cloud's HTTP server stopped");
    }
}

/// An error in the platform's shape.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "message": message, "code": code, "status": status.as_u16() });
    (status, axum::Json(body)).into_response()
}
