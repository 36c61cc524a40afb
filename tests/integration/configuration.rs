//! Settings: listed by `--help`, read from the environment and an env file, refused by name.

use pfp_shared::config::{SETTINGS, UsedBy};
use pfp_tests::{
    process::run,
    servers::root,
    system::{Setup, TestSystem},
};
use std::{collections::BTreeMap, path::PathBuf, process::Output};

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn env_file(system: &TestSystem, lines: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("{}.env", system.settings["PFP_QUEUE_PREFIX"]));
    std::fs::write(&path, lines).unwrap();
    path
}

#[test]
fn help_lists_every_setting_with_its_default_and_range() {
    for (process, name) in [(UsedBy::Api, "pfp-api"), (UsedBy::Worker, "pfp-worker")] {
        let output = run(name, &["--help"], &BTreeMap::new());
        let help = String::from_utf8_lossy(&output.stdout);
        for setting in SETTINGS.iter().filter(|setting| setting.used_by.includes(process)) {
            let lines = help
                .split_once(&format!("  {}\n", setting.name))
                .map(|(_, rest)| rest.lines().next().unwrap());
            let line = lines.unwrap_or_else(|| panic!("{name} --help doesn't list {}", setting.name));
            assert!(line.contains(setting.help) && line.contains(&setting.kind.describe()), "{line}");
            assert!(line.ends_with(&format!("Default: {}", setting.default.unwrap_or("none"))), "{line}");
        }
    }
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for setting in SETTINGS {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{}` |", setting.name)));
        let row = row.unwrap_or_else(|| panic!("the README doesn't list {}", setting.name));
        let default = setting.default.map_or("none".to_owned(), |default| format!("`{default}`"));
        assert!(row.contains(&format!("| {default} |")), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_a_missing_one_and_a_typo_stop_the_start_with_a_message_that_names_them() {
    let system = Setup::new().prepare().await;
    let with = |name: &str, value: &str| {
        let mut settings = system.settings.clone();
        settings.insert("PFP_PUBLIC_URL".to_owned(), "http://127.0.0.1:1".to_owned());
        settings.insert(name.to_owned(), value.to_owned());
        settings.retain(|_, value| !value.is_empty());
        settings
    };
    for (binary, name, value, expected) in [
        (
            "pfp-api",
            "PFP_MAX_FILE_SIZE",
            "five",
            "PFP_MAX_FILE_SIZE=five can't be used: it takes a size from 1KiB to 5GiB",
        ),
        ("pfp-api", "PFP_LISTEN", "here", "PFP_LISTEN=here can't be used: it takes an address and port"),
        ("pfp-api", "PFP_JWT_SECRET", "short", "PFP_JWT_SECRET"),
        ("pfp-api", "PFP_JWT_SECRET", "", "PFP_JWT_SECRET"),
        (
            "pfp-worker",
            "PFP_PICTURE_FIT",
            "stretch",
            "PFP_PICTURE_FIT=stretch can't be used: it takes cover or contain or inside",
        ),
        ("pfp-worker", "PFP_WORKER_MEMORY", "1MiB", "PFP_WORKER_MEMORY=1MiB can't be used"),
        ("pfp-worker", "PFP_LOG", "a=b=c", "PFP_LOG=a=b=c can't be used"),
        ("pfp-worker", "PFP_PUBLIC_URL", "", "PFP_PUBLIC_URL is required"),
        ("pfp-worker", "PFP_DATABASE_URL", "", "PFP_DATABASE_URL is required"),
        (
            "pfp-worker",
            "PFP_DATABASE_URL",
            "mysql://u:hunter2@h/d",
            "PFP_DATABASE_URL=[secret] can't be used",
        ),
        ("pfp-worker", "PFP_AMQP_URL", "http://u:hunter2@h", "PFP_AMQP_URL=[secret] can't be used"),
        (
            "pfp-worker",
            "PFP_STORAGE_URL",
            "s3://bucket/folder",
            "PFP_STORAGE_URL=s3://bucket/folder can't be used",
        ),
        ("pfp-worker", "PFP_QUEUE_PREFIX", "a/b", "PFP_QUEUE_PREFIX=a/b can't be used"),
        ("pfp-api", "PFP_QUEUE_PREFIX", &"x".repeat(201), "it takes a name of 1 to 200 letters"),
        ("pfp-worker", "PFP_PUBLIC_URL", "http://x/\"><b", "PFP_PUBLIC_URL=[secret] can't be used"),
        ("pfp-worker", "PFP_PUBLIC_URL", "http://x/\r\nb", "PFP_PUBLIC_URL=[secret] can't be used"),
        ("pfp-worker", "PFP_CA_FILE", "/nowhere.pem", "PFP_CA_FILE=/nowhere.pem can't be read"),
    ] {
        let mut settings = with(name, value);
        if name == "PFP_CA_FILE" {
            settings.insert("PFP_AMQP_URL".to_owned(), "amqps://u:p@127.0.0.1:1/%2f".to_owned());
        }
        let output = run(binary, &[], &settings);
        assert_eq!(output.status.code(), Some(1), "{binary} {name}={value}: {}", told(&output));
        assert!(told(&output).contains(expected), "{binary} {name}={value}: {}", told(&output));
        assert!(!told(&output).contains("hunter2"), "{}", told(&output));
    }
    let file = env_file(&system, "PFP_MAX_FILESIZE=1MiB\n");
    let output = run("pfp-worker", &["--env-file", file.to_str().unwrap()], &with("PFP_LOG", "info"));
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("sets PFP_MAX_FILESIZE, which isn't a setting"), "{}", told(&output));
    std::fs::remove_file(file).unwrap();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_env_file_is_read_and_the_environment_wins_over_it() {
    let system = Setup::new().prepare().await;
    let url = &system.settings["PFP_DATABASE_URL"];
    let file =
        env_file(&system, &format!("PFP_DATABASE_URL={url}\nPFP_AMQP_URL=amqp://nobody@127.0.0.1:1\n"));
    let mut settings = system.settings.clone();
    settings.remove("PFP_DATABASE_URL");
    let output = run("pfp-worker", &["migrate", "--env-file", file.to_str().unwrap()], &settings);
    assert!(output.status.success(), "{}", told(&output));
    settings.insert("PFP_DATABASE_URL".to_owned(), "postgres://nobody@127.0.0.1:1/nothing".to_owned());
    let output = run("pfp-worker", &["migrate", "--env-file", file.to_str().unwrap()], &settings);
    assert!(!output.status.success(), "the environment's database isn't there");
    std::fs::remove_file(file).unwrap();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_is_refused_with_what_to_run() {
    let mut system = Setup::new().prepare().await;
    system.database.run("DROP TABLE pfp_installation").await;
    system.start_api();
    system.start_worker();
    for process in system.apis.iter_mut().chain(&mut system.workers) {
        let status = process.ended().await;
        assert_eq!(status.code(), Some(1));
        assert!(process.log_text().contains("run `pfp-worker migrate`"), "{}", process.log_text());
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_too_old_for_the_schema_refuses_to_run() {
    let mut system = Setup::new().prepare().await;
    system
        .database
        .run("UPDATE pfp_installation SET schema_version = 99, oldest_runnable_version = 99")
        .await;
    system.start_worker();
    assert_eq!(system.workers[0].ended().await.code(), Some(1));
    let log = system.workers[0].log_text();
    assert!(log.contains("the database needs a build for V99 or later: update pfp"), "{log}");
    system.stop().await;
}
