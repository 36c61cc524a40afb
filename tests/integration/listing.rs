//! The listing of the bucket, which finds what no row names.

use futures_util::{StreamExt, stream};
use pfp_shared::{failpoint::Failpoint, storage::PictureKey};
use pfp_tests::{
    pictures,
    system::{Setup, TestSystem},
};
use std::os::unix::process::ExitStatusExt;

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_no_row_names_are_found_and_deleted() {
    let system = Setup::new().start().await;
    system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    let before = system.objects().await;
    plant(&system, 3).await;
    assert_eq!(system.objects().await.len(), before.len() + 6);
    let swept = system.worker_command(&["sweep"]);
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    assert!(String::from_utf8_lossy(&swept.stdout).contains("7 objects listed, 6 named by no row"));
    system.quiet().await;
    assert_eq!(system.objects().await, before);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_unnamed_objects_raise_an_alarm_and_stay_until_forced() {
    let system = Setup::new().start().await;
    plant(&system, 51).await;
    let swept = system.worker_command(&["sweep"]);
    assert!(!swept.status.success(), "the alarm shows in the exit code");
    let told = String::from_utf8_lossy(&swept.stderr);
    assert!(told.contains("too many objects that no row names"), "{told}");
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 102, "nothing was deleted");
    assert!(system.worker_command(&["sweep", "--force"]).status.success());
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 0);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_whose_worker_dies_goes_on_where_it_was_and_counts_each_object_once() {
    let mut system = Setup::new().start().await;
    plant(&system, 1_100).await;
    system.workers[0].terminate().await;
    let dying = format!("{}=1*return", Failpoint::ListingSaved.as_str());
    system.settings.insert("FAILPOINTS".to_owned(), dying);
    // A thousand and a hundred, of pictures and of staged objects.
    for batch in 1..=4 {
        let swept = system.worker_command(&["sweep"]);
        assert_eq!(swept.status.signal(), Some(9), "{}", String::from_utf8_lossy(&swept.stdout));
        let held = "SELECT count(*) FROM object_deletions WHERE retry_at = 'infinity'";
        let expected = [0, 1_000, 1_100, 2_100, 2_200][batch];
        assert_eq!(system.database.count(held).await, expected, "after batch {batch}");
    }
    let swept = system.worker_command(&["sweep"]);
    let told = String::from_utf8_lossy(&swept.stdout);
    assert!(told.contains("2200 objects listed, 2200 named by no row"), "{told}");
    assert!(
        told.contains("none was deleted"),
        "the alarm counts what was found before the deaths too: {told}"
    );
    assert_eq!(system.objects().await.len(), 2_200);
    system.settings.remove("FAILPOINTS");
    assert!(system.worker_command(&["sweep", "--force"]).status.success());
    assert_eq!(system.objects().await, Vec::<String>::new());
    system.stop().await;
}

/// More than one statement judges, held by a listing that came to its end and broke off.
async fn hold(system: &TestSystem, count: u32) {
    let held = format!(
        "INSERT INTO object_deletions (object_key, retry_at)
         SELECT 'pictures/' || lpad(to_hex(number), 32, '0') || '.png', 'infinity' FROM generate_series(1, {count}) AS number;
         UPDATE pfp_installation SET listing_cursor = 'staging/zzz', listing_objects = {count}"
    );
    system.database.run(&held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_are_held_all_of_them_are_forgotten_or_deleted() {
    let mut system = Setup::new().start().await;
    system.listed().await;
    system.workers[0].terminate().await;
    let held = "SELECT count(*) FROM object_deletions";
    hold(&system, 25_000).await;
    let swept = system.worker_command(&["sweep"]);
    let told = String::from_utf8_lossy(&swept.stdout);
    assert!(told.contains("25000 objects listed, 25000 named by no row"), "{told}");
    assert!(!swept.status.success() && told.contains("none was deleted"), "{told}");
    assert_eq!(system.database.count(held).await, 0);
    hold(&system, 25_000).await;
    let swept = system.worker_command(&["sweep", "--force"]);
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    assert_eq!(system.database.count(held).await, 0);
    system.stop().await;
}

/// Puts as many pictures and as many staged objects that nothing names, after the worker's own first listing, which
/// would find some of them.
async fn plant(system: &TestSystem, count: u32) {
    system.listed().await;
    let puts = (0..count).map(async |number| {
        let key = PictureKey::parse(&format!("{number:032x}.png")).unwrap();
        system.storage.put_picture(&key, b"nobody's".to_vec()).await.unwrap();
        let id = uuid::Uuid::now_v7();
        system.storage.put_staged(&format!("staging/{id}"), vec!["nobody's".into()]).await.unwrap();
    });
    stream::iter(puts).buffer_unordered(16).collect::<Vec<()>>().await;
}
