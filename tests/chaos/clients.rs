//! Clients at work: each is one user, who uploads, repeats, takes back and deletes, and notes what was promised.

use crate::{
    files::File,
    promises::{Answer, Cancelled, Promises, Sent},
};
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use pfp_tests::{
    chance::Chance,
    client::{self, Client},
};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

const UPLOAD: &str = "/user/upload-profile-picture";

/// Longer than anything is frozen: what was asked is answered, or never will be.
const ANSWERED_WITHIN: Duration = Duration::from_secs(45);

/// How long an upload is sent again and again.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long after a deletion that had to be asked for more than once an earlier asking may still be carried out.
const LATE: Duration = Duration::from_secs(30);

/// Whether a client leaves after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Insists {
    /// One time in ten it does.
    Mostly,
    /// It doesn't.
    Always,
}

/// One user's client.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) user: String,
    pub(crate) apis: Vec<Client>,
    pub(crate) files: Arc<Vec<File>>,
    pub(crate) promises: Arc<Promises>,
    pub(crate) chance: Chance,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) pause: (Duration, Duration),
    pub(crate) next_file: usize,
}

impl Actor {
    /// Does one thing after the other until told to stop.
    pub(crate) async fn act(mut self) -> Self {
        while !self.stop.load(Relaxed) {
            match self.chance.below(100) {
                0..50 => drop(self.upload().await),
                50..65 => self.upload_several().await,
                65..73 => self.upload_twice().await,
                73..81 => self.break_off().await,
                81..89 => self.take_back().await,
                89..93 => self.delete().await,
                _ => self.look().await,
            }
            let pause = self.chance.between(self.pause.0, self.pause.1);
            sleep(pause).await;
        }
        self
    }

    /// Sends what was given up once more under its key: whether it was accepted then or is now, it is promised from now on.
    pub(crate) async fn ask_again(&mut self) {
        let sent = self.promises.of(&self.user, |known| known.sent.clone());
        for (number, sent) in sent.into_iter().enumerate() {
            if sent.answer == Answer::Unknown {
                let chance = self.chance.fork();
                if let Some(id) = self.deliver(sent.file, &sent.key, chance, Insists::Always).await {
                    self.promises.answered("asked again at the end");
                    self.note_accepted(number, &id);
                }
            }
        }
    }

    /// One after the other, so that two uploads in a row are told apart by their pictures.
    fn next_file(&mut self) -> usize {
        self.next_file = (self.next_file + 1) % self.files.len();
        self.next_file
    }

    /// A new upload, sent until it is known what became of it, or given up after a failure. Its id.
    async fn upload(&mut self) -> Option<String> {
        let (file, chance) = (self.next_file(), self.chance.fork());
        self.send(file, chance).await
    }

    async fn upload_several(&mut self) {
        let count = 2 + self.chance.below(2);
        let uploads: Vec<_> = (0..count).map(|_| (self.next_file(), self.chance.fork())).collect();
        join_all(uploads.into_iter().map(|(file, chance)| self.send(file, chance))).await;
    }

    /// Notes an upload and sends it.
    async fn send(&self, file: usize, chance: Chance) -> Option<String> {
        let key = uuid::Uuid::new_v4().to_string();
        let number = self.note(file, &key);
        let id = self.deliver(file, &key, chance, Insists::Mostly).await?;
        self.note_accepted(number, &id);
        Some(id)
    }

    fn note(&self, file: usize, key: &str) -> usize {
        let (key, at) = (key.to_owned(), Instant::now());
        let sent = Sent { file, key, at, answer: Answer::Unknown, cancelled: Cancelled::No };
        self.promises.of(&self.user, |known| {
            known.sent.push(sent);
            known.sent.len() - 1
        })
    }

    fn note_accepted(&self, number: usize, id: &str) {
        let answer = Answer::Accepted(id.to_owned(), Instant::now());
        self.promises.of(&self.user, |known| known.sent[number].answer = answer);
    }

    /// Sends an upload under a key, again and again, to one API or another, as a client that honours what it is told.
    async fn deliver(&self, file: usize, key: &str, mut chance: Chance, insists: Insists) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let api = chance.below(self.apis.len());
            let answer = self.send_once(api, file, key).await;
            let Some(answer) = answer else {
                self.promises.answered("no answer");
                sleep(Duration::from_millis(300)).await;
                continue;
            };
            match answer.status.as_u16() {
                202 => {
                    self.promises.answered("202");
                    return answer.json()["id"].as_str().map(str::to_owned);
                }
                status @ (408 | 409 | 503) => {
                    self.promises.answered(&format!("{status} {}", answer.code()));
                    let after = answer.header("retry-after").parse().unwrap_or(1);
                    sleep(Duration::from_secs(after)).await;
                }
                status => {
                    let told = String::from_utf8_lossy(&answer.bytes).into_owned();
                    self.promises.answered(&format!("{status} {}", answer.code()));
                    self.promises.broke(format!("an upload of {} was answered {status}: {told}", self.user));
                    return None;
                }
            }
            // Some people leave.
            if insists == Insists::Mostly && chance.below(10) == 0 {
                self.promises.answered("given up by the client");
                return None;
            }
        }
        self.promises.broke(format!("an upload of {} was not taken within {PATIENCE:?}", self.user));
        None
    }

    async fn send_once(&self, api: usize, file: usize, key: &str) -> Option<client::Answer> {
        let request = self.apis[api].request("POST", UPLOAD).timeout(ANSWERED_WITHIN);
        let request = request.header("content-type", "image/jpeg").header("idempotency-key", key);
        let sent = request.body(self.files[file].bytes.clone()).send().await.ok()?;
        let (status, headers) = (sent.status(), sent.headers().clone());
        Some(client::Answer { status, headers, bytes: sent.bytes().await.ok()? })
    }

    /// The same upload under the same key, at once or one after the other: it is one upload.
    async fn upload_twice(&mut self) {
        let (file, key) = (self.next_file(), uuid::Uuid::new_v4().to_string());
        let (one, other) = (self.chance.fork(), self.chance.fork());
        let number = self.note(file, &key);
        let at_once = self.chance.below(2) == 0;
        let deliver = |chance| self.deliver(file, &key, chance, Insists::Mostly);
        let ids = if at_once {
            let (one, other) = tokio::join!(deliver(one), deliver(other));
            [one, other]
        } else {
            [deliver(one).await, deliver(other).await]
        };
        if let [Some(one), Some(other)] = &ids
            && one != other
        {
            self.promises.broke(format!("one key of {} gave two uploads: {one} and {other}", self.user));
        }
        if let Some(id) = ids.into_iter().flatten().next() {
            self.note_accepted(number, &id);
        }
    }

    /// A client that leaves in the middle: nothing may come of it.
    async fn break_off(&mut self) {
        let file = self.next_file();
        let half = self.files[file].bytes.slice(..self.files[file].bytes.len() / 2);
        let broken = stream::iter([Ok::<Bytes, std::io::Error>(half)])
            .chain(stream::iter([Err(std::io::Error::other("the client leaves"))]));
        let api = self.chance.below(self.apis.len());
        let request = self.apis[api].request("POST", UPLOAD).timeout(ANSWERED_WITHIN);
        let request = request.header("content-type", "image/jpeg").body(reqwest::Body::wrap_stream(broken));
        if let Ok(answer) = request.send().await
            && answer.status() == 202
        {
            self.promises.broke(format!("half an upload of {} was accepted", self.user));
        }
    }

    /// Uploads and cancels at once, or a moment later.
    async fn take_back(&mut self) {
        let Some(id) = self.upload().await else { return };
        let moment = self.chance.between(Duration::ZERO, Duration::from_millis(60));
        sleep(moment).await;
        self.note_cancelled(&id, Cancelled::Perhaps);
        let api = self.chance.below(self.apis.len());
        let request = self.apis[api].request("DELETE", &format!("/user/uploads/{id}"));
        if let Ok(answer) = request.timeout(ANSWERED_WITHIN).send().await
            && answer.status() == 200
        {
            self.promises.answered("cancelled");
            self.note_cancelled(&id, Cancelled::Promised);
        }
    }

    fn note_cancelled(&self, id: &str, how: Cancelled) {
        self.promises.of(&self.user, |known| {
            let sent = known
                .sent
                .iter_mut()
                .find(|sent| matches!(&sent.answer, Answer::Accepted(own, _) if own == id));
            if let Some(sent) = sent {
                sent.cancelled = how;
            }
        });
    }

    /// Deletes the picture, again and again until it is sure.
    async fn delete(&mut self) {
        let asked = Instant::now();
        let mut tries = 0;
        while asked.elapsed() < PATIENCE {
            let api = self.chance.below(self.apis.len());
            let request = self.apis[api].request("DELETE", "/user/profile-picture").timeout(ANSWERED_WITHIN);
            tries += 1;
            if let Ok(answer) = request.send().await
                && answer.status() == 200
            {
                self.promises.answered("picture deleted");
                let late = if tries > 1 { LATE } else { Duration::ZERO };
                let deleted = Some((asked, Instant::now() + late));
                self.promises.of(&self.user, |known| known.deleted = deleted);
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
        self.promises.broke(format!("the picture of {} couldn't be deleted within {PATIENCE:?}", self.user));
    }

    /// Looks at one's own picture: an address that is shown twice works in between.
    async fn look(&mut self) {
        let api = self.chance.below(self.apis.len());
        let client = &self.apis[api];
        let Some(url) = shown(client).await else { return };
        let Ok(answer) = client.request("GET", &url).timeout(ANSWERED_WITHIN).send().await else { return };
        self.promises.answered("looked at the picture");
        if answer.status() == 404 && shown(client).await.as_ref() == Some(&url) {
            self.promises.broke(format!("{} is shown {url}, which isn't there", self.user));
        }
    }
}

async fn shown(client: &Client) -> Option<String> {
    let answer = client.request("GET", "/user/me").timeout(ANSWERED_WITHIN).send().await.ok()?;
    let me: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    me["profile_picture_url"].as_str().map(str::to_owned)
}
