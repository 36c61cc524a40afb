//! The bucket's own rule for staged bytes that everything else has missed.

use pfp_tests::{
    bucket,
    system::Setup,
    wait::{PATIENCE, until},
};

const OPERATORS: &str = "<Rule><ID>reports</ID><Filter><Prefix>reports/</Prefix></Filter><Status>Enabled</Status>\
    <Expiration><Days>7</Days></Expiration></Rule>";

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_deletes_staged_bytes_two_days_after_the_retention_and_keeps_the_operators_rules() {
    let mut system = Setup::new().set("PFP_UPLOAD_RETENTION", "36h").workers(0).start().await;
    let rules = format!("<LifecycleConfiguration>{OPERATORS}</LifecycleConfiguration>");
    bucket::set_lifecycle(&system.settings, &rules).await;
    system.start_worker();
    let rules = until("the rule is there", PATIENCE, async || {
        let rules = bucket::lifecycle(&system.settings).await;
        rules.contains("<ID>pfp-staging</ID>").then_some(rules)
    })
    .await;
    assert!(rules.contains("<Prefix>staging/</Prefix>") && rules.contains("<Days>4</Days>"), "{rules}");
    assert!(rules.contains("<ID>reports</ID>") && rules.contains("<Prefix>reports/</Prefix>"), "{rules}");

    // Another worker finds it right, and one with another retention sets it anew.
    system.start_worker_with(&[("PFP_UPLOAD_RETENTION", "10d")]);
    until("the rule is longer", PATIENCE, async || {
        let rules = bucket::lifecycle(&system.settings).await;
        (rules.contains("<Days>12</Days>") && rules.contains("<ID>reports</ID>")).then_some(())
    })
    .await;
    let rules = bucket::lifecycle(&system.settings).await;
    assert_eq!(rules.matches("<ID>pfp-staging</ID>").count(), 1, "{rules}");
    system.ready().await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_ours_to_set_up_is_given_no_rule() {
    let mut system = Setup::new().set("PFP_S3_CREATE_BUCKET", "false").apis(0).workers(0).prepare().await;
    bucket::make(&system.settings).await;
    system.start_api();
    system.start_worker();
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pfp_tests::pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    assert!(system.workers[0].terminate().await.success());
    assert_eq!(bucket::lifecycle(&system.settings).await, "");
    system.stop().await;
}
