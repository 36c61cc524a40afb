//! What an examination finds: counted, printed, and allowed to be repaired or not.

use super::catalogue::{Compared, Kind, Repair};
use crate::{admin::print, listing::allowed};
use serde_json::json;
use std::collections::BTreeMap;

/// Lines of one kind before the rest is only counted.
const LINES: i64 = 20;

/// How findings are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Telling {
    /// Every one, not only the first of each kind.
    pub all: bool,
    /// As JSON.
    pub json: bool,
}

/// What is done about findings.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// They are told.
    Tell(Telling),
    /// Up to so many of each kind are repaired.
    Repair(BTreeMap<Kind, i64>),
}

/// The findings of one examination.
#[derive(Debug)]
pub struct Findings {
    purpose: Purpose,
    counts: BTreeMap<Kind, i64>,
    /// Uploads that were compared.
    pub uploads: i64,
    /// Users that were compared.
    pub users: i64,
    /// Objects that were compared.
    pub objects: i64,
}

impl Findings {
    /// None yet.
    #[must_use]
    pub const fn new(purpose: Purpose) -> Self {
        Self { purpose, counts: BTreeMap::new(), uploads: 0, users: 0, objects: 0 }
    }

    /// Counts and tells a finding. True: it is to be repaired now.
    pub fn found(&mut self, kind: Kind, subject: &str, detail: &str) -> bool {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        match &self.purpose {
            Purpose::Tell(telling) => {
                if telling.all || telling.json || *count <= LINES {
                    tell(*telling, kind, subject, detail);
                }
                false
            }
            Purpose::Repair(most) => most.get(&kind).is_some_and(|most| *count <= *most),
        }
    }

    /// Counts more findings of a kind than were told.
    pub fn and_more(&mut self, kind: Kind, more: i64) {
        *self.counts.entry(kind).or_default() += more.max(0);
    }

    /// Whether findings are repaired.
    #[must_use]
    pub const fn repairs(&self) -> bool {
        matches!(self.purpose, Purpose::Repair(_))
    }

    /// The kinds that were found, and how often.
    pub fn counts(&self) -> impl Iterator<Item = (Kind, i64)> {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// How many disagreements there are; remarks are none.
    #[must_use]
    pub fn disagreements(&self) -> i64 {
        self.counts().filter(|(kind, _)| !kind.is_remark()).map(|(_, count)| count).sum()
    }

    /// How many of a kind may be repaired without anybody having looked; none: as many as there are.
    #[must_use]
    pub fn most(&self, kind: Kind) -> Option<i64> {
        match kind.repair() {
            Repair::Always | Repair::Remark => None,
            Repair::UnlessMany(Compared::Uploads) => Some(allowed(self.uploads)),
            Repair::UnlessMany(Compared::Users) => Some(allowed(self.users)),
            Repair::UnlessMany(Compared::Objects) => Some(allowed(self.objects)),
        }
    }

    /// The last lines: how many of each kind, and of what.
    pub fn sum_up(&self, telling: Telling) {
        let total = self.disagreements();
        if telling.json {
            let kinds: BTreeMap<_, _> = self.counts().map(|(kind, count)| (kind.as_str(), count)).collect();
            print(&json!({"uploads": self.uploads, "users": self.users, "objects": self.objects,
                "found": kinds, "disagreements": total, "clean": total == 0}));
            return;
        }
        for (kind, count) in self.counts() {
            let more = if telling.all { 0 } else { count - LINES };
            if more > 0 {
                print(&format!("{kind}  and {more} more; --all tells every one"));
            }
        }
        let verdict = match total {
            0 => "clean".to_owned(),
            1 => "1 disagreement".to_owned(),
            total => format!("{total} disagreements"),
        };
        let (uploads, users, objects) = (self.uploads, self.users, self.objects);
        print(&format!("{uploads} uploads, {users} users, {objects} objects compared: {verdict}"));
        for (kind, count) in self.counts().filter(|(kind, _)| !kind.is_remark()) {
            print(&format!("  {count} {kind}: {}; repair: {}", kind.meaning(), kind.what_repair_does()));
        }
    }
}

fn tell(telling: Telling, kind: Kind, subject: &str, detail: &str) {
    let (meaning, repair) = (kind.meaning(), kind.what_repair_does());
    if telling.json {
        print(&json!({"kind": kind.as_str(), "subject": subject, "detail": detail, "meaning": meaning,
            "repair": repair, "remark": kind.is_remark()}));
    } else if kind.is_remark() {
        print(&format!("remark: {kind}  {subject}  {detail}  {repair}"));
    } else {
        print(&format!("{kind}  {subject}  {detail}  repair: {repair}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_that_costs_something_stops_at_its_limit_and_others_dont() {
        let mut findings = Findings::new(Purpose::Repair(BTreeMap::from([(Kind::DanglingPicture, 1)])));
        assert!(findings.found(Kind::DanglingPicture, "ada", ""));
        assert!(!findings.found(Kind::DanglingPicture, "bob", ""));
        assert!(!findings.found(Kind::OrphanPicture, "x", ""), "it was not asked for");
        findings.users = 100_000;
        assert_eq!(findings.most(Kind::DanglingPicture), Some(1_000));
        assert_eq!(findings.most(Kind::OrphanPicture), Some(100));
        assert_eq!(findings.most(Kind::UrlNotOfKey), None);
    }
}
