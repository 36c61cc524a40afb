//! One connection: HTTP/1.1 on a stream that may not be silent for too long.

use super::{
    ClientLeft, ConnectionLimits,
    quiet::{Clock, InRequest, Quiet},
    shared_stream::{Connections, Peer, SharedStream},
};
use axum::{Router, body::Body};
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Bytes after which hyper looks whether it holds too many of a connection, each way: what thousands of connections can
/// hold is bounded by it. Its last read may have brought as many again.
const BUFFER: usize = 128 << 10;

/// How often it is looked whether a client is still there.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Serves a connection until it ends, or until `closing` lets it end after the request that it is in.
pub(super) async fn serve_connection(
    stream: TcpStream,
    router: Router,
    limits: ConnectionLimits,
    among: Connections,
    closing: CancellationToken,
) {
    let clock = Clock::start(limits);
    let (stream, left) = (SharedStream::new(stream, among), ClientLeft::default());
    let io = TokioIo::new(Quiet::new(stream.clone(), Arc::clone(&clock)));
    let noticed = left.clone();
    let requests = Arc::clone(&clock);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let in_request = requests.request();
        let mut request = request
            .map(|body| Body::new(Held { body: Body::new(body), _in_request: Arc::clone(&in_request) }));
        request.extensions_mut().insert(noticed.clone());
        let answer = router.clone().oneshot(request);
        async move {
            let answer = answer.await?;
            Ok::<_, Infallible>(answer.map(|body| Held { body, _in_request: in_request }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The phases of a connection have their own time-outs, see `quiet`.
        .header_read_timeout(None)
        // A client that says that it will send nothing more still wants its answer.
        .half_close(true)
        .max_buf_size(BUFFER)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let serving = async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                clock.close();
                connection.await
            }
        }
    };
    // What ends here without our doing, a client that went away, sent no HTTP, or was silent for too long, is no fault
    // of ours.
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::debug!(error = %error_chain(&error), "a connection ended early");
        },
        () = until_gone(&stream, &left) => tracing::debug!("a connection was reset"),
    }
}

/// Looks after the client while it may be waiting for an answer: a slot that nobody holds any more is soon free.
async fn until_gone(stream: &SharedStream, left: &ClientLeft) {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        match stream.peer() {
            Peer::IsThere => {}
            Peer::SendsNoMore => left.note(),
            Peer::IsGone => return,
        }
    }
}

fn error_chain(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A body that keeps its connection within the request.
struct Held {
    body: Body,
    _in_request: Arc<InRequest>,
}

impl http_body::Body for Held {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
