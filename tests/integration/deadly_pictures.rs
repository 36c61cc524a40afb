//! Pictures that take their worker down, or that it never gets done with.

use futures_util::future::join_all;
use pfp_shared::failpoint::Failpoint;
use pfp_tests::{
    client::Client,
    pictures,
    process::Process,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use rustix::process::{Resource, Rlimit, Signal, prlimit};
use std::time::Duration;

const PHOTO: &str = "bench-170kb.jpg";

/// Takes six bytes a pixel: 144 MB.
const DEADLY: &str = "24mp-progressive-420.jpg";

/// What a worker may have beside what it has when it is idle: enough for a usual photo, too little for that one.
const HEADROOM: u64 = 64 << 20;

/// Memory is reserved as it is used, not by the 64 MiB for every thread.
const ONE_ARENA: (&str, &str) = ("MALLOC_ARENA_MAX", "1");

/// Those whose jobs ran beside the deadly one when the worker died first, and what it left of each: a sweep takes the
/// deadly one before them.
const IN_PROGRESS: [&str; 3] = ["user-0", "user-1", "user-2"];
const LEFT_BY_A_DEAD_WORKER: &str = "status = 'processing', attempts = 1, claims = 1, claim_token = gen_random_uuid(),
    lease_until = (SELECT lease_until FROM uploads WHERE user_id = 'ada') + interval '1 millisecond', picture_key = 'pictures/' || replace(id::text, '-', '') || '.jpg'";

/// The address space of a process, in bytes.
fn address_space(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// Starts a worker that dies, as where the machine has no more memory, when it takes more than that.
fn start_limited(system: &mut TestSystem, bytes: u64) {
    system.workers.clear();
    system.start_worker_with(&[ONE_ARENA]);
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    let pid = rustix::process::Pid::from_raw(system.workers[0].pid() as i32);
    prlimit(pid, Resource::As, limit).unwrap();
}

/// Starts the worker again whenever it dies, as a service manager does, until this upload is final; returns how
/// often it died.
async fn restarted_until_final(
    system: &mut TestSystem,
    client: &Client,
    location: &str,
    bytes: u64,
) -> usize {
    let mut deaths = 0;
    until("the picture is given up", PATIENCE * 2, async || {
        if !system.workers[0].is_running() {
            assert!(system.workers[0].log_text().contains("memory allocation of"), "it dies of memory alone");
            deaths += 1;
            start_limited(system, bytes);
        }
        let status = client.get(location).await.json()["status"].clone();
        (status != "queued" && status != "processing").then_some(())
    })
    .await;
    deaths
}

#[tokio::test(flavor = "multi_thread")]
async fn row_12_a_picture_that_kills_its_worker_is_given_up_and_takes_no_other_down_with_it() {
    let setup = Setup::new().set("PFP_MAX_ATTEMPTS", "3").set("PFP_JOB_LEASE", "2s");
    let mut system = setup.set("PFP_WORKER_CONCURRENCY", "2").workers(0).start().await;
    system.start_worker_with(&[ONE_ARENA]);
    system.client("bob").upload_and_wait(pictures::bytes(PHOTO)).await;
    let bytes = address_space(&system.workers[0]) + HEADROOM;
    system.workers[0].terminate().await;
    start_limited(&mut system, bytes);
    system.workers[0].ready().await;

    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(DEADLY)).await;
    let status = system.workers[0].ended().await;
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(Signal::ABORT.as_raw()),
        "{status}"
    );
    // From now on it runs alone: whoever comes meanwhile loses nothing for it, and who was in progress when the worker
    // died no more than that attempt.
    let others: Vec<_> = (0..8).map(|number| system.client(&format!("user-{number}"))).collect();
    let file = pictures::bytes(PHOTO);
    let locations = join_all(others.iter().map(|client| client.accepted(file.clone()))).await;
    let in_progress = |user: &str| IN_PROGRESS.contains(&user);
    for user in IN_PROGRESS {
        system
            .database
            .run(&format!("UPDATE uploads SET {LEFT_BY_A_DEAD_WORKER} WHERE user_id = '{user}'"))
            .await;
    }
    // All of them come to the next worker at once.
    until("every lease is lost", PATIENCE, async || {
        let lost = "SELECT count(*) FROM uploads WHERE status = 'processing' AND lease_until < now()";
        (system.database.count(lost).await == 4).then_some(())
    })
    .await;
    let swept = system.worker_command(&["sweep"]);
    let told = String::from_utf8_lossy(&swept.stdout);
    assert!(told.contains("4 taken from silent workers"), "{told}");
    let deaths = restarted_until_final(&mut system, &ada, &location, bytes).await;
    assert_eq!(deaths, 3, "once for every attempt");

    let given_up = ada.get(&location).await.json();
    assert_eq!((&given_up["status"], &given_up["attempts"]), (&"failed".into(), &3.into()), "{given_up}");
    assert_eq!(given_up["failure"]["code"], "attempts_exhausted");
    for (client, location) in others.iter().zip(&locations) {
        let upload = client.finished(location).await;
        let attempts = if in_progress(&client.user) { 2 } else { 1 };
        assert_eq!(
            (&upload["status"], &upload["attempts"]),
            (&"succeeded".into(), &attempts.into()),
            "{upload}"
        );
    }
    system.database.run("DELETE FROM uploads WHERE status = 'failed'").await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_worker_that_is_stuck_in_a_picture_is_red_and_ends_and_another_one_does_the_job() {
    // A thread counts as stuck after six times what a picture may take.
    let setup = Setup::new().set("PFP_DECODE_TIMEOUT", "500ms").set("PFP_SHUTDOWN_GRACE", "6s");
    let mut system = setup.set("PFP_WORKER_CONCURRENCY", "2").workers(0).start().await;
    let stuck = format!("{}=1*sleep(60000)", Failpoint::JobMade.as_str());
    system.start_worker_with(&[("FAILPOINTS", &stuck)]);
    system.ready().await;
    let clients = [system.client("ada"), system.client("bob")];
    let locations = join_all(clients.each_ref().map(|client| client.accepted(pictures::bytes(PHOTO)))).await;
    until("the other thread has done the other job", PATIENCE, async || {
        let done = "SELECT count(*) FROM uploads WHERE status = 'succeeded' AND attempts = 1";
        (system.database.count(done).await == 1).then_some(())
    })
    .await;
    let health = format!("http://{}/livez", system.workers[0].address);
    until("the worker is red", PATIENCE, async || {
        (reqwest::get(&health).await.ok()?.status() == 500).then_some(())
    })
    .await;
    let status = system.workers[0].ended().await;
    assert_eq!(status.code(), Some(1), "whoever looks after it starts it anew");
    assert!(system.workers[0].log_text().contains("making the picture got stuck"));
    system.start_worker();
    let mut attempts = Vec::new();
    for (client, location) in clients.iter().zip(&locations) {
        let upload = client.finished_within(location, Duration::from_secs(30)).await;
        assert_eq!(upload["status"], "succeeded", "{upload}");
        attempts.push(upload["attempts"].as_i64().unwrap());
    }
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2]);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_picture_that_takes_too_long_is_rejected_at_its_first_attempt() {
    let system = Setup::new().set("PFP_DECODE_TIMEOUT", "1ms").start().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-4mb.jpg")).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"rejected".into(), &1.into()), "{upload}");
    assert_eq!(upload["failure"]["code"], "picture_too_complex");
    system.finish().await;
}
