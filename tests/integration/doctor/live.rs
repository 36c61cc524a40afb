//! Beside a system at work the doctor finds nothing wrong, however often it looks.

use super::{doctor, photo};
use pfp_tests::{
    process,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::task::JoinHandle;

/// How often the doctor looks.
const LOOKS: usize = 12;

/// A client that uploads, cancels, deletes its picture and erases itself, in turns, until told to stop.
async fn at_work(client: pfp_tests::client::Client, done: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
    for turn in 0.. {
        if stop.load(Relaxed) {
            return;
        }
        // Another of the user's clients may erase them meanwhile.
        let answer = client.upload(photo()).await;
        if answer.status != 202 {
            continue;
        }
        let location = answer.header("location").to_owned();
        match turn % 4 {
            0 => drop(client.request("DELETE", &location).send().await),
            1 => drop(client.get(&format!("{location}?wait=20")).await),
            2 => drop(client.request("DELETE", "/user/profile-picture").send().await),
            _ => drop(client.request("DELETE", "/user/me").send().await),
        }
        done.fetch_add(1, Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_at_work_is_clean_at_every_look() {
    let system = Setup::new().workers(2).set("PFP_JOB_LEASE", "2s").start().await;
    let clients = Clients::of(&system);
    // A page of two rows: the listing and the rows are read at many different moments.
    for _ in 0..LOOKS {
        let (ended_well, found) = look(&system, &["--page", "2"]).await;
        assert!(ended_well, "{found:?}");
        assert_eq!(found, BTreeMap::new());
        clients.do_something().await;
    }
    clients.end().await;
    system.quiet().await;
    assert_eq!(doctor(&system, &[]), (true, BTreeMap::new()));
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_beside_a_system_at_work_takes_away_what_is_wrong_and_nothing_else() {
    let system = Setup::new().workers(2).set("PFP_JOB_LEASE", "2s").start().await;
    system.listed().await;
    let eve = system.client("eve");
    eve.upload_and_wait(photo()).await;
    let clients = Clients::of(&system);
    for turn in 0..3 {
        let orphan = format!("pictures/{turn:032x}.png");
        system.storage.put_staged(&orphan, vec!["nobody's".into()]).await.unwrap();
        clients.do_something().await;
        let (ended_well, left) = look(&system, &["--repair", "--page", "2"]).await;
        assert!(ended_well, "{left:?}");
        clients.do_something().await;
        assert!(!system.objects().await.contains(&orphan));
        assert!(!eve.picture().await.is_empty());
    }
    clients.end().await;
    system.quiet().await;
    assert_eq!(doctor(&system, &[]), (true, BTreeMap::new()));
    system.finish().await;
}

/// Six clients of four users.
struct Clients {
    done: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    at_work: Vec<JoinHandle<()>>,
}

impl Clients {
    fn of(system: &TestSystem) -> Self {
        let (done, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let clients = (0..6).map(|number| system.client(&format!("user-{}", number % 4)));
        let at_work =
            clients.map(|client| tokio::spawn(at_work(client, Arc::clone(&done), Arc::clone(&stop))));
        Self { at_work: at_work.collect(), done, stop }
    }

    async fn do_something(&self) {
        let before = self.done.load(Relaxed);
        until("something happens", PATIENCE, async || (self.done.load(Relaxed) > before).then_some(())).await;
    }

    async fn end(self) {
        self.stop.store(true, Relaxed);
        for client in self.at_work {
            client.await.unwrap();
        }
    }
}

/// On a thread of its own: the clients go on meanwhile.
async fn look(system: &TestSystem, arguments: &[&str]) -> (bool, BTreeMap<String, i64>) {
    tokio::task::block_in_place(|| doctor(system, arguments))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_whoever_put_it_lists_a_moment_later_is_no_orphan() {
    let (system, _) = super::quiet_system().await;
    let key = "pictures/00000000000000000000000000000000.png";
    system.storage.put_staged(key, vec!["put too late".into()]).await.unwrap();
    let mut settings = system.settings.clone();
    settings.insert("PFP_JOB_LEASE".to_owned(), "10s".to_owned());
    let looking = tokio::task::spawn_blocking(move || process::run("pfp-worker", &["doctor"], &settings));
    until("the doctor has asked about it", PATIENCE, async || {
        // While it waits to ask again, this is the last that it has asked on that connection.
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'pfp-worker doctor' AND state = 'idle' AND query LIKE '-- unnamed_keys%'";
        (system.database.count(asked).await > 0).then_some(())
    })
    .await;
    system.database.run(&format!("INSERT INTO object_deletions (object_key) VALUES ('{key}')")).await;
    let looked = looking.await.unwrap();
    let told = String::from_utf8_lossy(&looked.stdout);
    assert!(looked.status.success() && told.contains("objects compared: clean"), "{told}");
    system.stop().await;
}
