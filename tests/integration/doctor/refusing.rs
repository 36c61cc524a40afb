//! Where the doctor can't tell: it says why, and ends with exit code 1.

use super::{doctor, quiet_system};
use pfp_tests::{bucket, system::Setup};

fn said(told: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bucket_is_not_taken_for_an_empty_one() {
    let (mut system, _) = quiet_system().await;
    let own = system.settings["PFP_STORAGE_URL"].clone();
    system.settings.insert("PFP_STORAGE_URL".to_owned(), format!("{own}-other"));
    bucket::make(&system.settings).await;
    let told = system.worker_command(&["doctor", "--repair", "--force"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(said(&told).contains("belongs to another bucket"), "{}", said(&told));
    system.settings.insert("PFP_STORAGE_URL".to_owned(), own);
    let (ended_well, found) = doctor(&system, &[]);
    assert!(ended_well, "nothing was touched: {found:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_is_named() {
    let system = Setup::new().workers(0).prepare().await;
    for (setting, value, name) in [
        ("PFP_AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f", "broker"),
        ("PFP_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing", "database"),
    ] {
        let mut settings = system.settings.clone();
        settings.insert("PFP_PUBLIC_URL".to_owned(), "http://127.0.0.1:1".to_owned());
        settings.insert(setting.to_owned(), value.to_owned());
        let told =
            tokio::task::block_in_place(|| pfp_tests::process::run("pfp-worker", &["doctor"], &settings));
        assert_eq!(told.status.code(), Some(1), "{}", said(&told));
        assert!(said(&told).contains(&format!("pfp-worker: {name}: ")), "{}", said(&told));
    }
    system.stop().await;
}
