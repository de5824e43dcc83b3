//! `/metrics`, `/healthz`, `/readyz`, on a listener of their own: plain HTTP, for the operator's network only.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

const CONNECTIONS_MAX: usize = 64;
const IDLE_MAX: Duration = Duration::from_secs(30);

/// What the operator's pages are made of.
pub trait Pages: Send + Sync + 'static {
    /// Prometheus text.
    fn metrics(&self) -> String;
    /// Why the broker should get no requests now; empty when it should.
    fn not_ready(&self) -> Vec<String>;
}

/// Serves until the broker stops.
pub async fn run(tcp: TcpListener, pages: Arc<dyn Pages>, mut stopping: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted,
            () = crate::listen::stopped(&mut stopping) => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let pages = Arc::clone(&pages);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let pages = Arc::clone(&pages);
                async move { page(&*pages, &request) }
            });
            let _left = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

fn page(pages: &dyn Pages, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, http::Error> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, "text/plain; version=0.0.4", pages.metrics()),
        (&Method::GET, "/healthz") => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        (&Method::GET, "/readyz") => match pages.not_ready().as_slice() {
            [] => (StatusCode::OK, "text/plain", "ready\n".to_owned()),
            reasons => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("not ready: {}\n", reasons.join("; "))),
        },
        (&Method::GET, _) => {
            (StatusCode::NOT_FOUND, "text/plain", "there are /metrics, /healthz and /readyz\n".to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n".to_owned()),
    };
    Response::builder().status(status).header("content-type", kind).body(Full::new(Bytes::from(text)))
}
