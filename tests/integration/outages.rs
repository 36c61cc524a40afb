//! Outages that outlast leases, and processes that are told to stop while their servers are silent: no attempt is used
//! up for them, and nobody waits for what doesn't come.

use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    pictures,
    servers::Servers,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
    wire::{Break, Wire},
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const PHOTO: &str = "bench-170kb.jpg";

const NO_RIGHTS: &str = "permission denied for table";

/// A system whose workers have their database at the end of a wire, and their store behind one that misbehaves.
struct Outage {
    system: TestSystem,
    store: ChaosStore,
    database: Wire,
}

impl Outage {
    /// A store that is waited for, and checks that are rare but for the lease.
    async fn of(workers: usize) -> Self {
        Self::on(Setup::new(), workers).await
    }

    async fn on(setup: Setup, workers: usize) -> Self {
        let setup = setup.workers(0).set("PFP_JOB_LEASE", "4s").set("PFP_STORAGE_TIMEOUT", "60s");
        let setup = setup.set("PFP_SWEEP_INTERVAL", "100ms").set("PFP_CHECK_INTERVAL", "10m");
        let mut system = setup.start().await;
        let (database, url) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
        let store = ChaosStore::start(&system.settings["PFP_S3_ENDPOINT"]).await;
        for _ in 0..workers {
            system.start_worker_with(&[("PFP_DATABASE_URL", &url), ("PFP_S3_ENDPOINT", &store.endpoint)]);
        }
        system.ready().await;
        Self { system, store, database }
    }

    /// An upload whose job waits for its bytes; returns its address.
    async fn waiting_job(&self) -> String {
        self.store.break_all(Operation::Get, "staging/", Fault::Hang);
        let location = self.system.client("ada").accepted(pictures::bytes(PHOTO)).await;
        until("its bytes are asked for", PATIENCE, async || {
            (!self.store.hit(Operation::Get, "staging/").is_empty()).then_some(())
        })
        .await;
        location
    }

    /// Waits until the job's lease has run out.
    async fn lease_runs_out(&self) {
        let lost = "SELECT count(*) FROM uploads WHERE lease_until < now() - interval '300 milliseconds'";
        until("the lease has run out", PATIENCE, async || {
            (self.system.database.count(lost).await == 1).then_some(())
        })
        .await;
    }

    /// What becomes of the upload: no attempt was used up for the outage.
    async fn succeeds_at_the_first_attempt(self, location: &str) {
        self.store.heal();
        let upload = self.system.client("ada").finished(location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
        self.system.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_database_that_refuses_for_longer_than_a_lease_costs_a_running_job_no_attempt() {
    let outage = Outage::of(1).await;
    let location = outage.waiting_job().await;
    outage.database.cut();
    outage.lease_runs_out().await;
    outage.database.mend();
    outage.succeeds_at_the_first_attempt(&location).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_database_that_is_frozen_between_two_checks_for_longer_than_a_lease_costs_no_attempt() {
    let outage = Outage::of(2).await;
    let location = outage.waiting_job().await;
    // A sweeper's asking for jobs of silent workers: it is carried out when every lease has run out.
    outage.database.plan(Break::FreezeBefore(b"attempts_exhausted"));
    until("it is on its way", PATIENCE, async || outage.database.has_broken().then_some(())).await;
    outage.lease_runs_out().await;
    outage.database.thaw();
    outage.succeeds_at_the_first_attempt(&location).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_us_a_table_costs_no_attempt_however_long_it_does() {
    for table in ["users", "uploads"] {
        let mut system = Setup::new().set("PFP_RETRY_WAIT", "100ms").workers(0).start().await;
        let ada = system.client("ada");
        let location = ada.accepted(pictures::bytes(PHOTO)).await;
        system.database.refuse(table, "42501", NO_RIGHTS).await;
        system.start_worker();
        // More often than a job is tried.
        until("the worker was refused seven times", PATIENCE, async || {
            let log = system.workers[0].log_text();
            (log.matches(NO_RIGHTS).count() >= 7).then_some(())
        })
        .await;
        system.database.refuse_no_more(table).await;
        let upload = ada.finished(&location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
        system.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_a_second_signal_ends_a_worker_at_once_and_its_job_is_done_by_another() {
    let mut outage = Outage::of(1).await;
    let location = outage.waiting_job().await;
    let system = &mut outage.system;
    system.workers[0].signal(Signal::TERM);
    until("the worker is stopping", PATIENCE, async || {
        system.workers[0].log_text().contains("stopping").then_some(())
    })
    .await;
    let asked = Instant::now();
    assert_eq!(system.workers[0].terminate().await.code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    system.workers.clear();
    system.start_worker();
    let upload = system.client("ada").finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &2.into()), "{upload}");
    outage.system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_us_a_table_for_longer_than_a_lease_costs_a_running_job_no_attempt() {
    for (state, message) in [("42501", NO_RIGHTS), ("53100", "no space left on device")] {
        let outage = Outage::of(2).await;
        let location = outage.waiting_job().await;
        outage.system.database.refuse("uploads", state, message).await;
        outage.lease_runs_out().await;
        until("both sweepers were refused", PATIENCE, async || {
            let refused = |log: String| {
                log.lines().any(|line| line.contains("dependency is down") && line.contains(message))
            };
            outage.system.workers.iter().all(|worker| refused(worker.log_text())).then_some(())
        })
        .await;
        outage.system.database.refuse_no_more("uploads").await;
        outage.succeeds_at_the_first_attempt(&location).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_a_killed_workers_job_is_taken_over_however_rare_the_checks_are() {
    let mut outage = Outage::of(2).await;
    let location = outage.waiting_job().await;
    let attempts = outage.system.database.count("SELECT claims::bigint FROM uploads").await;
    assert_eq!(attempts, 1);
    for worker in &mut outage.system.workers {
        worker.kill().await;
    }
    outage.system.start_worker();
    outage.system.workers[2].ready().await;
    let upload = outage.system.client("ada").finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &2.into()), "{upload}");
    outage.store.heal();
    outage.system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_database_that_is_too_slow_for_the_lease_counts_as_out_and_not_as_silent() {
    let outage = Outage::on(Setup::new().set("PFP_DATABASE_TIMEOUT", "20s"), 1).await;
    let seen = |up: u8| format!("pfp_dependency_up{{dependency=\"database\"}} {up}");
    let worker = &outage.system.workers[0];
    worker.shows(&seen(1)).await;
    // There and back, longer than a quarter of the lease and shorter than the database's time-out.
    outage.database.delay(Duration::from_millis(700));
    worker.shows(&seen(0)).await;
    outage.database.delay(Duration::ZERO);
    worker.shows(&seen(1)).await;
    outage.system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_a_claim_whose_answer_was_lost_is_given_back_when_the_worker_stops() {
    let mut outage = Outage::of(1).await;
    // What a claim sends, and no other: the key that a JPEG would have.
    outage.database.plan_the_last(Break::BeforeTheAnswerTo(br#""image/jpeg":"pictures/"#));
    let location = outage.system.client("ada").accepted(pictures::bytes(PHOTO)).await;
    until("the answer to the claim is lost", PATIENCE, async || outage.database.has_broken().then_some(()))
        .await;
    let claimed = "SELECT count(*) FROM uploads WHERE status = 'processing' AND attempts = 1";
    assert_eq!(outage.system.database.count(claimed).await, 1, "it was carried out");
    outage.system.workers[0].signal(Signal::TERM);
    until("the worker has heard", PATIENCE, async || {
        outage.system.workers[0].log_text().contains("stopping").then_some(())
    })
    .await;
    outage.database.mend();
    let ended = outage.system.workers[0].ended().await;
    assert!(ended.success(), "{ended}");
    let given_back = "SELECT count(*) FROM uploads WHERE status = 'queued' AND attempts = 0";
    assert_eq!(outage.system.database.count(given_back).await, 1);
    outage.system.start_worker();
    outage.system.workers[1].ready().await;
    outage.succeeds_at_the_first_attempt(&location).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_processes_end_in_good_order_while_a_server_is_silent_however_long_its_time_out() {
    let mut system = Setup::new().apis(0).workers(0).prepare().await;
    let usual = [
        ("PFP_DATABASE_TIMEOUT", "60s"),
        ("PFP_BROKER_TIMEOUT", "60s"),
        ("PFP_STORAGE_TIMEOUT", "60s"),
        ("PFP_CHECK_INTERVAL", "100ms"),
        ("PFP_SHUTDOWN_GRACE", "6s"),
    ];
    for server in ["PFP_DATABASE_URL", "PFP_AMQP_URL", "PFP_S3_ENDPOINT"] {
        let (apis_wire, apis_url) = Wire::in_url(&system.settings[server]).await;
        let (workers_wire, workers_url) = Wire::in_url(&system.settings[server]).await;
        system.start_api_with(&[&usual[..], &[(server, &apis_url)]].concat());
        system.start_worker_with(&[&usual[..], &[(server, &workers_url)]].concat());
        system.ready().await;
        let wires = [apis_wire, workers_wire];
        wires.iter().for_each(Wire::freeze);
        until("each has asked, and waits for an answer", PATIENCE, async || {
            wires.iter().all(Wire::holds_something).then_some(())
        })
        .await;
        let told = Instant::now();
        let (mut api, mut worker) = (system.apis.remove(0), system.workers.remove(0));
        let ended = tokio::join!(api.terminate(), worker.terminate());
        assert!(ended.0.success() && ended.1.success(), "{ended:?}");
        assert!(told.elapsed() < Duration::from_secs(12), "{server}: {:?}", told.elapsed());
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_10_a_broker_that_takes_connections_and_says_nothing_does_not_cost_a_thread_and_a_connection_with_every_try()
 {
    let mut system = Setup::new().workers(0).prepare().await;
    let (wire, url) = Wire::in_url(Servers::shared().value("RABBITMQ_URL")).await;
    wire.freeze();
    let own =
        [("PFP_AMQP_URL", url.as_str()), ("PFP_BROKER_TIMEOUT", "100ms"), ("PFP_RECONNECT_WAIT", "200ms")];
    system.start_worker_with(&own);
    // Of the broker's library; each has its connection.
    let threads = || {
        let tasks = format!("/proc/{}/task", system.workers[0].pid());
        std::fs::read_dir(tasks).map(|tasks| {
            let names =
                tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
            names.filter(|name| name.starts_with("lapin")).count()
        })
    };
    until("it has tried twenty times", PATIENCE, async || {
        (system.workers[0].log_text().matches("no consumer yet").count() >= 20).then_some(())
    })
    .await;
    until("no more than one try each for publishing and consuming is under way", PATIENCE, async || {
        (threads().ok()? <= 2).then_some(())
    })
    .await;
    wire.thaw();
    system.workers[0].signal(Signal::TERM);
    let status = system.workers[0].ended().await;
    assert!(status.success(), "{status}");
    system.stop().await;
}
