//! The proxy itself: a request in, passed on or not, an answer out or not.

use super::{Fault, Operation, Shared};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response, Uri,
    body::{Frame, Incoming},
    header::{CONNECTION, TRANSFER_ENCODING},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<BoxBody<Bytes, Error>>;

/// What was sent before the cut has to leave the machine's buffers first, or the client never sees an answer.
const BEFORE_THE_CUT: Duration = Duration::from_millis(50);

/// Serves until dropped, and ends its connections with itself.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| answer(Arc::clone(&shared), request));
        // A connection that ends with an error is what the test asked for.
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

/// An error ends the connection without an answer.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer, Error> {
    let (operation, key) = asked(request.method(), request.uri());
    let healed = shared.healed.notified();
    match shared.fault(operation, &key) {
        None => pass_on(&shared, request).await.map(whole),
        Some(Fault::Refuse(code)) => problem(request, 403, code).await,
        Some(Fault::Fail(status)) => problem(request, status, "InternalError").await,
        Some(Fault::Hang) => {
            healed.await;
            Err("hung".into())
        }
        Some(Fault::DropReply) => {
            pass_on(&shared, request).await?;
            Err("the reply is dropped".into())
        }
        Some(Fault::HoldReply) => {
            let answer = pass_on(&shared, request).await?;
            healed.await;
            Ok(whole(answer))
        }
        Some(Fault::Reset) => {
            // Closed with the rest of it unread.
            request.into_body().frame().await;
            Err("reset".into())
        }
        Some(Fault::Slow(late)) => {
            let answer = pass_on(&shared, request).await?;
            tokio::time::sleep(late).await;
            Ok(whole(answer))
        }
        Some(Fault::CutBody) => pass_on(&shared, request).await.map(cut),
    }
}

/// What a request asks, and the key that it names: `/bucket/key`.
fn asked(method: &Method, uri: &Uri) -> (Operation, String) {
    let key = uri.path().trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    let operation = match (method.as_str(), key.is_empty()) {
        ("PUT", true) => Operation::MakeBucket,
        ("GET" | "HEAD", true) => Operation::List,
        ("GET" | "HEAD", false) => Operation::Get,
        ("DELETE", _) | ("POST", true) => Operation::Delete,
        _ => Operation::Put,
    };
    (operation, key.to_owned())
}

async fn pass_on(shared: &Shared, request: Request<Incoming>) -> Result<Response<Bytes>, Error> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let sent = shared.client.request(head.method, format!("{}{path}", shared.upstream));
    let came = sent.headers(head.headers).body(body.collect().await?.to_bytes()).send().await?;
    let mut answer = Response::builder().status(came.status());
    for (name, value) in came.headers() {
        if name != CONNECTION && name != TRANSFER_ENCODING {
            answer = answer.header(name, value);
        }
    }
    Ok(answer.body(came.bytes().await?)?)
}

fn whole(answer: Response<Bytes>) -> Answer {
    answer.map(|body| Full::new(body).map_err(|never| match never {}).boxed())
}

fn cut(answer: Response<Bytes>) -> Answer {
    answer.map(|body| {
        let half = body.slice(..body.len() / 2);
        let frames = stream::unfold(Some(half), |half| async {
            match half {
                Some(half) => Some((Ok(Frame::data(half)), None)),
                None => {
                    tokio::time::sleep(BEFORE_THE_CUT).await;
                    Some((Err("cut".into()), None))
                }
            }
        });
        BodyExt::boxed(StreamBody::new(Box::pin(frames)))
    })
}

/// Read to its end first, as real servers do.
async fn problem(request: Request<Incoming>, status: u16, code: &str) -> Result<Answer, Error> {
    request.into_body().collect().await?;
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>"
    );
    let answer = Response::builder().status(status).header("content-type", "application/xml");
    Ok(whole(answer.body(xml.into())?))
}
