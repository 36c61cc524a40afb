//! Statements that meet each other half-way: which one holds, step by step.

use pfp_shared::{
    database::Database,
    failure::{Failure, FailureCode},
    queries::{self, Claim, Claimed, ClaimedJob, Promotion, Release},
    upload::UploadId,
};
use pfp_tests::{
    pictures,
    system::{Setup, TestSystem},
};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);

/// A system without a worker, and an upload that waits in it.
async fn with_an_upload() -> (TestSystem, Database, UploadId) {
    let system = Setup::new().workers(0).start().await;
    let location = system.client("ada").accepted(pictures::bytes("bench-170kb.jpg")).await;
    let id = location.rsplit('/').next().unwrap().parse().unwrap();
    let pool = system.pool();
    (system, pool, id)
}

async fn claim(pool: &Database, id: UploadId, unanswered: &[Uuid]) -> Option<ClaimedJob> {
    queries::claim(pool, id, of_any(unanswered)).await.unwrap().job()
}

/// A claim of whatever may be claimed.
fn of_any(unanswered: &[Uuid]) -> Claim<'_> {
    let token = Uuid::new_v4();
    Claim {
        token,
        unanswered,
        lease: MINUTE,
        max_attempts: 5,
        silent_before: Some(OffsetDateTime::now_utc()),
        alone: true,
    }
}

async fn row(system: &TestSystem) -> String {
    system.database.rows("SELECT uploads::text FROM uploads", &[]).await[0].get(0)
}

async fn listed(system: &TestSystem, key: &str) -> i64 {
    let sql = "SELECT count(*) FROM object_deletions WHERE object_key = $1";
    system.database.rows(sql, &[key]).await[0].get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_listed_once_more_while_it_is_deleted_stays_listed() {
    let (system, pool, _) = with_an_upload().await;
    let key = "pictures/0123456789abcdef0123456789abcdef.jpg";
    for again in [true, false] {
        queries::list_if_unnamed(&pool, key, Duration::ZERO).await.unwrap();
        let due = queries::due_deletions(&pool, 10, MINUTE).await.unwrap();
        assert_eq!(due.iter().map(|deletion| deletion.key.as_str()).collect::<Vec<_>>(), [key]);
        if again {
            // Its put came through after it was deleted.
            queries::list_if_unnamed(&pool, key, Duration::ZERO).await.unwrap();
        }
        let due: Vec<_> = due.iter().collect();
        if again {
            queries::deletions_failed(&pool, &due, "no answer", MINUTE).await.unwrap();
            let counted = "SELECT count(*) FROM object_deletions WHERE attempts = 1 AND retry_at <= now()";
            assert_eq!(system.database.count(counted).await, 1, "it is counted, and as due as it was listed");
        }
        queries::deletions_done(&pool, &due).await.unwrap();
        assert_eq!(listed(&system, key).await, i64::from(again));
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_was_lost_is_taken_over_and_costs_no_attempt() {
    let (system, pool, id) = with_an_upload().await;
    let lost = claim(&pool, id, &[]).await.unwrap();
    assert!(claim(&pool, id, &[Uuid::new_v4()]).await.is_none(), "it is another worker's");
    let taken = claim(&pool, id, &[Uuid::new_v4(), lost.token]).await.unwrap();
    assert_eq!((taken.attempts, taken.claims, taken.run_alone), (1, 2, false));
    assert_eq!(listed(&system, lost.picture_key.as_str()).await, 1, "the lost claim's key");
    assert_eq!(queries::promote(&pool, &lost, "").await.unwrap(), Promotion::Lost);
    assert!(matches!(queries::promote(&pool, &taken, "").await.unwrap(), Promotion::Succeeded(_)));
    assert!(claim(&pool, id, &[lost.token, taken.token]).await.is_none(), "it is final");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_never_carried_out_changes_nothing_when_it_comes_late() {
    let (system, pool, id) = with_an_upload().await;
    let late = Uuid::new_v4();
    let taken = claim(&pool, id, &[late]).await.unwrap();
    assert_eq!(taken.attempts, 1);
    let claim = Claim { token: late, ..of_any(&[]) };
    assert!(matches!(queries::claim(&pool, id, claim).await.unwrap(), Claimed::Nothing));
    assert!(queries::renew_claim(&pool, &taken, MINUTE).await.unwrap());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_silent_worker_is_taken_only_by_who_may_and_alone_and_else_left_as_it_is() {
    let (system, pool, id) = with_an_upload().await;
    claim(&pool, id, &[]).await.unwrap();
    system.database.run("UPDATE uploads SET lease_until = now() - interval '1 second'").await;
    let before = row(&system).await;
    let claim = Claim { silent_before: None, ..of_any(&[]) };
    assert!(matches!(queries::claim(&pool, id, claim).await.unwrap(), Claimed::Nothing));
    let claim = Claim { alone: false, ..of_any(&[]) };
    assert!(matches!(queries::claim(&pool, id, claim).await.unwrap(), Claimed::MustRunAlone));
    assert_eq!(row(&system).await, before, "no attempt, no lease, no key");
    let taken = queries::claim(&pool, id, of_any(&[])).await.unwrap().job().unwrap();
    assert_eq!((taken.attempts, taken.run_alone), (2, true));
    let (release, failure) = (retry(), Failure::new(FailureCode::StorageError, "out"));
    assert_eq!(queries::release(&pool, &taken, release, &failure).await.unwrap(), Some(false));
    let claim = Claim { alone: false, ..of_any(&[]) };
    assert!(matches!(queries::claim(&pool, id, claim).await.unwrap(), Claimed::MustRunAlone), "for good");
    system.stop().await;
}

fn retry() -> Release {
    Release { give_back: false, delay: Duration::ZERO, put_settles: Duration::ZERO, max_attempts: 5 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_lost_once_one_of_a_lease_later_is_claimed_and_not_for_a_long_backlog() {
    let (system, pool, first) = with_an_upload().await;
    let mut ids = vec![first];
    for user in ["bob", "cy", "dan"] {
        let location = system.client(user).accepted(pictures::bytes("bench-170kb.jpg")).await;
        ids.push(location.rsplit('/').next().unwrap().parse().unwrap());
    }
    let lost = async || {
        let lost = queries::take_lost_messages(&pool, 10, MINUTE, None).await.unwrap();
        lost.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    for (id, seconds) in ids.iter().zip([600, 570, 300, 290]) {
        let sql =
            format!("UPDATE uploads SET published_at = now() - interval '{seconds} s' WHERE id = '{id}'");
        system.database.run(&sql).await;
    }
    assert_eq!(lost().await, [], "nothing of the backlog is claimed");
    claim(&pool, ids[1], &[]).await.unwrap();
    assert_eq!(lost().await, [], "what was published within a lease of it may be on its way");
    claim(&pool, ids[2], &[]).await.unwrap();
    assert_eq!(lost().await, ids[..1], "and what was published after it waits for its turn");
    assert_eq!(lost().await, [], "it was sent again just now");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_is_noted_late_marks_no_retry_as_published() {
    let (system, pool, id) = with_an_upload().await;
    system.database.run("UPDATE uploads SET published_at = NULL").await;
    let taken = claim(&pool, id, &[]).await.unwrap();
    let failure = Failure::new(FailureCode::StorageError, "out");
    queries::release(&pool, &taken, retry(), &failure).await.unwrap();
    let unpublished = "SELECT count(*) FROM uploads WHERE published_at IS NULL";
    queries::mark_published(&pool, id, 0).await.unwrap();
    assert_eq!(system.database.count(unpublished).await, 1, "that was the message of the first claim");
    queries::mark_published(&pool, id, taken.claims).await.unwrap();
    assert_eq!(system.database.count(unpublished).await, 0);
    system.stop().await;
}
