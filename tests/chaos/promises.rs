//! What the clients were promised, kept outside of the system.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// What a client knows of one upload.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Which file.
    pub(crate) file: usize,
    /// Under which idempotency key.
    pub(crate) key: String,
    /// When it was first sent.
    pub(crate) at: Instant,
    /// How it was answered, and when.
    pub(crate) answer: Answer,
    /// Whether it was asked to be cancelled, and whether that was promised.
    pub(crate) cancelled: Cancelled,
}

/// How an upload was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202: a promise.
    Accepted(String, Instant),
    /// No answer, or 503, and the client hasn't asked again yet: it may have been accepted.
    Unknown,
}

/// What became of taking it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// Nobody asked.
    No,
    /// It was asked, and the answer was another, or lost.
    Perhaps,
    /// 200: a promise.
    Promised,
}

/// What one user's client knows.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Every upload.
    pub(crate) sent: Vec<Sent>,
    /// The last deletion of the picture: from when it was first asked for until it was surely done.
    pub(crate) deleted: Option<(Instant, Instant)>,
}

/// What all know.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    users: Mutex<BTreeMap<String, Known>>,
    answers: Mutex<BTreeMap<String, usize>>,
    broken: Mutex<Vec<String>>,
}

/// Where an upload stands to the last deletion of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It came later, or there was none.
    After,
    /// It was accepted before: it can't be shown.
    Before,
    /// Nobody outside can know.
    Unclear,
}

impl Known {
    /// Where an upload of ours stands.
    pub(crate) fn standing(&self, sent: Option<&Sent>) -> Standing {
        let Some((asked, done)) = self.deleted else { return Standing::After };
        match sent {
            Some(Sent { at, .. }) if *at > done => Standing::After,
            Some(Sent { answer: Answer::Accepted(_, at), .. }) if *at < asked => Standing::Before,
            _ => Standing::Unclear,
        }
    }

    /// The upload of an id.
    pub(crate) fn of_id(&self, id: &str) -> Option<&Sent> {
        self.sent.iter().find(|sent| matches!(&sent.answer, Answer::Accepted(own, _) if own == id))
    }
}

impl Promises {
    /// Changes or reads what is known of a user.
    pub(crate) fn of<T>(&self, user: &str, with: impl FnOnce(&mut Known) -> T) -> T {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        with(users.entry(user.to_owned()).or_default())
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, how: &str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(how.to_owned()).or_default() += 1;
    }

    /// How often each answer came.
    pub(crate) fn answers(&self) -> BTreeMap<String, usize> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a promise that was broken.
    pub(crate) fn broke(&self, what: String) {
        crate::faults::say(&format!("BROKEN: {what}"));
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Every promise that was broken.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many uploads were accepted.
    pub(crate) fn accepted(&self) -> usize {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = |known: &Known| {
            known.sent.iter().filter(|sent| matches!(sent.answer, Answer::Accepted(..))).count()
        };
        users.values().map(accepted).sum()
    }
}
