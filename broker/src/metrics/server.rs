//! The admin port: `GET /metrics`, in just enough HTTP/1.1.
//!
//! httparse reads the request; the rest is a bound on everything. Each connection gets one answer
//! and is closed.

use std::{sync::Arc, time::Duration};

use client::net::{Listener, Stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{exposition::Format, page};
use crate::{broker::Broker, server::shutdown::Shutdown};

/// Connections that are served at a time; others wait in the system's queue.
const CONNECTIONS_MAX: usize = 16;

/// How long a connection may take, from its request's first byte to its answer's last.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);

/// How many bytes a request may have, with its headers; whatever comes after these isn't read.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// How many headers it may have.
const HEADERS_MAX: usize = 64;

/// After a failed accept the listener pauses, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port that doesn't answer yet.
pub(crate) struct AdminListener(pub(crate) Box<dyn Listener>);

impl AdminListener {
    /// Answers until shutdown is requested.
    pub(crate) async fn run(mut self, broker: Arc<Broker>, shutdown: Shutdown) {
        let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        info!("metrics are on http://{}/metrics", self.0.local_addr());
        loop {
            let permit = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                permit = Arc::clone(&free).acquire_owned() => permit.expect("never closed"),
            };
            let accepted = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                accepted = self.0.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "accept failed on the admin port");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (broker, shutdown) = (Arc::clone(&broker), shutdown.clone());
            tokio::spawn(async move {
                let serving = timeout(CONNECTION_TIME_MAX, serve(stream, &broker));
                tokio::select! {
                    biased;
                    () = shutdown.requested() => {}
                    served = serving => if !matches!(served, Ok(Ok(()))) {
                        debug!(%peer, "a request on the admin port wasn't answered");
                    },
                }
                drop(permit);
            });
        }
    }
}

async fn serve(mut stream: Stream, broker: &Broker) -> std::io::Result<()> {
    let mut request = Vec::new();
    let response = loop {
        match respond(&request, |format| page(broker, format)) {
            Some(response) => break response,
            None if request.len() >= REQUEST_BYTES_MAX => {
                break Response::refusal("431 Request Header Fields Too Large");
            }
            None => {}
        }
        let room = REQUEST_BYTES_MAX - request.len();
        if (&mut stream).take(count_of(room)).read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    stream.write_all(&response.into_bytes()).await?;
    stream.shutdown().await
}

fn count_of(room: usize) -> u64 {
    super::count(room)
}

/// What a request is answered with; none while it isn't all there.
fn respond(request: &[u8], page: impl FnOnce(Format) -> String) -> Option<Response> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(request) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return None,
        Err(httparse::Error::TooManyHeaders) => {
            return Some(Response::refusal("431 Request Header Fields Too Large"));
        }
        Err(_) => return Some(Response::refusal("400 Bad Request")),
    }
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    if path != "/metrics" {
        return Some(Response::refusal("404 Not Found: there is /metrics"));
    }
    if !matches!(method, "GET" | "HEAD") {
        return Some(Response::refusal("405 Method Not Allowed"));
    }
    let accept = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("accept"));
    let accept = accept.and_then(|header| std::str::from_utf8(header.value).ok());
    let format = Format::accepted(accept.unwrap_or_default());
    Some(Response {
        status: "200 OK",
        content_type: format.content_type(),
        body: page(format),
        has_body: method == "GET",
    })
}

/// One answer.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: &'static str,
    content_type: &'static str,
    body: String,
    /// Off where only the headers were asked for.
    has_body: bool,
}

impl Response {
    fn refusal(status: &'static str) -> Self {
        let content_type = "text/plain; charset=utf-8";
        Self { status, content_type, body: format!("{status}\n"), has_body: true }
    }

    fn into_bytes(self) -> Vec<u8> {
        let Self { status, content_type, body, has_body } = self;
        let status = status.split(':').next().unwrap_or_default();
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        let length = body.len();
        let body = if has_body { body } else { String::new() };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
             {allow}Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: &str) -> Option<String> {
        let response = respond(request.as_bytes(), |format| format!("{format:?}\n"));
        response.map(|response| String::from_utf8(response.into_bytes()).unwrap())
    }

    #[test]
    fn metrics_are_answered_in_the_format_that_is_accepted() {
        let text = answered("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: 5\r\nConnection: close\r\n\r\nText\n"
        );
        let accept = "Accept: application/openmetrics-text;version=1.0.0";
        let open = answered(&format!("GET /metrics?x=1 HTTP/1.1\r\n{accept}\r\n\r\n")).unwrap();
        assert!(
            open.contains("openmetrics-text; version=1.0.0") && open.ends_with("OpenMetrics\n")
        );
        let head = answered("HEAD /metrics HTTP/1.0\r\n\r\n").unwrap();
        assert!(head.contains("Content-Length: 5\r\n") && head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let status =
            |request: &str| answered(request).map(|text| text.lines().next().unwrap().to_owned());
        let is = |status: &str| Some(format!("HTTP/1.1 {status}"));
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), is("404 Not Found"));
        assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), is("405 Method Not Allowed"));
        assert_eq!(status("\x00\x01\x02"), is("400 Bad Request"));
        let many = "a: b\r\n".repeat(HEADERS_MAX + 1);
        let too_large = is("431 Request Header Fields Too Large");
        assert_eq!(status(&format!("GET /metrics HTTP/1.1\r\n{many}\r\n")), too_large);
        assert_eq!(status("GET /metrics HTTP/1.1\r\nHost"), None);
        assert_eq!(status(""), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let _ = respond(&bytes, |_| String::new());
        }
    }
}
