//! The doctor: every kind of disagreement is planted, by its name in the catalogue, found, repaired, and gone.

mod at_the_broker;
mod backlog;
mod in_a_folder;
mod in_the_bucket;
mod in_the_rows;
mod live;
mod long_ago;
mod many;
mod refusing;

use pfp_shared::storage::PictureKey;
use pfp_tests::{
    pictures, process,
    system::{Setup, TestSystem},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An upload of ada's, as its owner sees it.
pub(crate) struct Shown {
    /// The upload that was shown first, and was replaced.
    replaced: String,
    /// The upload that is shown.
    id: String,
    /// The key of its picture.
    key: String,
}

/// A system in which nobody works any more: ada shows her second picture, bob shows his, and an upload of carl's waits.
pub(crate) async fn quiet_system() -> (TestSystem, Shown) {
    let mut system = Setup::new().set("PFP_JOB_LEASE", "2s").start().await;
    let replaced = system.client("ada").upload_and_wait(photo()).await;
    let shown = system.client("ada").upload_and_wait(photo()).await;
    system.client("bob").upload_and_wait(photo()).await;
    system.quiet().await;
    system.listed().await;
    assert!(system.workers[0].terminate().await.success());
    system.client("carl").accepted(photo()).await;
    let url = shown["picture_url"].as_str().unwrap();
    let key = PictureKey::parse(url.rsplit('/').next().unwrap()).unwrap();
    let id = |upload: &Value| upload["id"].as_str().unwrap().to_owned();
    (system, Shown { replaced: id(&replaced), id: id(&shown), key: key.as_str().to_owned() })
}

pub(crate) fn photo() -> Vec<u8> {
    pictures::bytes("bench-170kb.jpg")
}

/// What the doctor says, as JSON: whether it ended well, and how many it found of each kind.
pub(crate) fn doctor(system: &TestSystem, arguments: &[&str]) -> (bool, BTreeMap<String, i64>) {
    let told = system.worker_command(&[&["doctor", "--json"], arguments].concat());
    let out = String::from_utf8_lossy(&told.stdout);
    let last = out.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&told.stderr)));
    let summary: Value = serde_json::from_str(last).unwrap();
    let mut found: BTreeMap<String, i64> = serde_json::from_value(summary["found"].clone()).unwrap();
    // Nobody works in most of these tests.
    found.remove("no_worker");
    (told.status.success(), found)
}

/// That the doctor tells this kind and no other, repairs it, and finds nothing more.
pub(crate) async fn is_found_and_repaired(system: &TestSystem, kind: &str) {
    let (ended_well, found) = doctor(system, &[]);
    let kinds: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(
        (ended_well, kinds.as_slice()),
        (false, &[kind][..]),
        "it tells what is wrong and nothing else"
    );
    let repaired = system.worker_command(&["doctor", "--repair"]);
    let told = String::from_utf8_lossy(&repaired.stdout).into_owned();
    assert!(repaired.status.success(), "{told}{}", String::from_utf8_lossy(&repaired.stderr));
    assert!(told.lines().any(|line| line.starts_with(kind)), "{told}");
    let mut remarks = clean(system);
    if kind.starts_with("staged_") {
        remarks.remove("failed_upload");
    }
    assert_eq!(remarks, BTreeMap::new());
    // Damaged bytes are kept, as those of every failed upload.
    if kind != "staged_size" {
        assert_eq!(system.objects().await, system.named_objects().await);
    }
}

/// That the doctor finds nothing wrong; what it remarks.
pub(crate) fn clean(system: &TestSystem) -> BTreeMap<String, i64> {
    let (ended_well, found) = doctor(system, &[]);
    assert!(ended_well, "{found:?}");
    found
}

/// A test of each kind, by the kind's name.
macro_rules! planted {
    ($($name:ident: $plant:expr, $right:expr;)*) => {
        /// The kinds that are planted here.
        pub(super) const KINDS: &[&str] = &[$(stringify!($name)),*];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (system, shown) = $crate::doctor::quiet_system().await;
                assert_eq!($crate::doctor::clean(&system).len(), 0, "nothing is wrong before");
                let (plant, right) = ($plant, $right);
                plant(&system, &shown).await;
                $crate::doctor::is_found_and_repaired(&system, stringify!($name)).await;
                right(&system, &shown).await;
                system.stop().await;
            }
        )*
    };
}
pub(crate) use planted;

#[test]
fn every_kind_of_the_catalogue_is_planted_by_a_test() {
    let told = process::run("pfp-worker", &["doctor", "--kinds"], &BTreeMap::new());
    let told = String::from_utf8_lossy(&told.stdout);
    let catalogue: BTreeSet<_> = told.lines().filter_map(|line| line.split(':').next()).collect();
    let planted = [in_the_bucket::KINDS, in_the_rows::KINDS, long_ago::KINDS, at_the_broker::KINDS];
    let others = [at_the_broker::REMARKS, at_the_broker::LEFT_TO_OTHERS].into_iter().flatten();
    let planted: BTreeSet<_> = planted.into_iter().flatten().chain(others).copied().collect();
    assert!(catalogue.len() > 20, "{told}");
    assert_eq!(catalogue, planted);
}
