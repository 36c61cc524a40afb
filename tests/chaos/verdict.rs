//! Whether every promise was kept, looked at from outside as a client would.

use crate::{
    files::File,
    promises::{Answer, Cancelled, Known, Promises, Standing},
};
use pfp_tests::client::Client;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Judges a user's uploads and picture; returns how many uploads ended how.
pub(crate) async fn judge(client: &Client, promises: &Promises, files: &[File]) -> BTreeMap<String, usize> {
    let uploads = uploads(client).await;
    let known = promises.of(&client.user, |known| Known { sent: known.sent.clone(), deleted: known.deleted });
    let mut wrong = judge_uploads(&known, &uploads);
    wrong.extend(judge_order(&known, &uploads));
    let me = client.me().await;
    let shown = me["profile_picture_url"].as_str();
    wrong.extend(judge_shown(&known, &uploads, shown));
    if let Some(url) = shown {
        let answer = client.get(url).await;
        if answer.status == 200 {
            let of = uploads.iter().find(|upload| upload["picture_url"] == url);
            match of.and_then(|upload| known.of_id(id(upload))) {
                Some(sent) => {
                    let complaint = files[sent.file].judge(&answer.bytes);
                    wrong.extend(complaint.map(|complaint| format!("the picture {url} {complaint}")));
                }
                None => wrong.push(format!("the picture {url} is of no upload that was accepted")),
            }
        } else {
            wrong.push(format!("DANGLING: {url} is answered with {}", answer.status));
        }
    }
    for what in wrong {
        promises.broke(format!("{}: {what}", client.user));
    }
    let mut ends = BTreeMap::new();
    for upload in &uploads {
        *ends.entry(status(upload).to_owned()).or_default() += 1;
    }
    ends
}

/// All uploads of a user, the newest first.
async fn uploads(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/user/uploads?limit=100".to_owned();
    loop {
        let page = client.get(&path).await.json();
        all.extend(page["uploads"].as_array().cloned().unwrap_or_default());
        let Some(cursor) = page["next_cursor"].as_str() else { return all };
        path = format!("/user/uploads?limit=100&cursor={cursor}");
    }
}

fn status(upload: &Value) -> &str {
    upload["status"].as_str().unwrap_or("?")
}

fn id(upload: &Value) -> &str {
    upload["id"].as_str().unwrap_or("?")
}

fn judge_uploads(known: &Known, uploads: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let listed: BTreeSet<_> = uploads.iter().map(id).collect();
    for sent in &known.sent {
        let Answer::Accepted(id, _) = &sent.answer else { continue };
        if !listed.contains(id.as_str()) {
            wrong.push(format!("LOST: {id} was accepted and isn't there"));
        }
    }
    for upload in uploads {
        let (id, status) = (id(upload), status(upload));
        let cancelled = known.of_id(id).map_or(Cancelled::Perhaps, |sent| sent.cancelled);
        match (status, cancelled) {
            ("succeeded" | "superseded", Cancelled::Promised) => {
                wrong.push(format!("{id} was cancelled, and is {status}"));
            }
            ("succeeded" | "superseded", _) | ("cancelled", Cancelled::Perhaps | Cancelled::Promised) => {}
            ("failed" | "rejected", _) => {
                wrong.push(format!("FAILED: {id} is {status}: {}", upload["failure"]))
            }
            _ => wrong.push(format!("NOT FINAL: {id} is {status}")),
        }
    }
    let unasked = uploads.iter().map(id).filter(|id| known.of_id(id).is_none());
    wrong.extend(unasked.map(|id| format!("{id} is there, and no answer told of it")));
    wrong
}

/// What was answered before another was sent is the older one.
fn judge_order(known: &Known, uploads: &[Value]) -> Vec<String> {
    let listed = uploads.iter().filter_map(|upload| known.of_id(id(upload)));
    let mut wrong = Vec::new();
    let mut earliest_answer = None;
    // The newest first: nothing that comes later in the list may have been sent after an answer to one before it.
    for sent in listed {
        let Answer::Accepted(id, answered) = &sent.answer else { continue };
        if earliest_answer.is_some_and(|earliest| sent.at > earliest) {
            wrong.push(format!("ORDER: {id} was sent after a newer one was answered"));
        }
        earliest_answer =
            Some(earliest_answer.map_or(*answered, |earliest: std::time::Instant| earliest.min(*answered)));
    }
    wrong
}

/// The user shows the newest upload that succeeded since the last deletion of the picture.
fn judge_shown(known: &Known, uploads: &[Value], shown: Option<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut allowed = Vec::new();
    let mut is_settled = false;
    for upload in uploads.iter().filter(|upload| status(upload) == "succeeded") {
        match known.standing(known.of_id(id(upload))) {
            Standing::After => allowed.push(upload["picture_url"].as_str()),
            Standing::Before => allowed.push(None),
            Standing::Unclear => {
                allowed.push(upload["picture_url"].as_str());
                continue;
            }
        }
        is_settled = true;
        break;
    }
    if !is_settled {
        allowed.push(None);
    }
    if !allowed.contains(&shown) {
        wrong.push(format!("STALE: {shown:?} is shown instead of {allowed:?}"));
    }
    // Superseded is only what something newer has outdone.
    let newest = uploads.iter().find(|upload| status(upload) != "cancelled");
    if let Some(upload) = newest
        && known.standing(known.of_id(id(upload))) == Standing::After
        && status(upload) != "succeeded"
    {
        wrong.push(format!("STALE: the newest upload {} is {}", id(upload), status(upload)));
    }
    let others = uploads.iter().filter(|upload| upload["picture_url"].as_str() != shown);
    for upload in others.filter(|upload| !upload["picture_url"].is_null()) {
        wrong.push(format!("DANGLING: {} names {}, which isn't shown", id(upload), upload["picture_url"]));
    }
    wrong
}
