//! Many users at once.

use futures_util::{StreamExt, stream};
use pfp_tests::{pictures, system::Setup};
use std::collections::BTreeMap;

const USERS: usize = 20;
const UPLOADS: usize = 200;
const AT_ONCE: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_uploads_by_twenty_users_end_with_each_users_newest_good_picture() {
    let system = Setup::new().apis(2).workers(2).start().await;
    let good = pictures::bytes("bench-170kb.jpg");
    let mut broken = good.clone();
    broken.truncate(good.len() / 3);
    let uploads = stream::iter(0..UPLOADS).map(|number| {
        let client = system.client_at(number % 2, &format!("user-{}", number % USERS));
        let file = if number % 7 == 0 { broken.clone() } else { good.clone() };
        async move {
            let location = client.accepted(file).await;
            client.finished(&location).await
        }
    });
    let uploads: Vec<_> = uploads.buffer_unordered(AT_ONCE).collect().await;
    let mut statuses = BTreeMap::new();
    for upload in &uploads {
        *statuses.entry(upload["status"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(statuses.values().sum::<usize>(), UPLOADS);
    assert_eq!(statuses.get("rejected"), Some(&UPLOADS.div_ceil(7)), "{statuses:?}");
    assert!(
        statuses.keys().all(|status| ["succeeded", "superseded", "rejected"].contains(&status.as_str())),
        "{statuses:?}"
    );
    system.quiet().await;

    let wrong = system
        .database
        .count(
            "SELECT count(*) FROM users WHERE picture_generation IS DISTINCT FROM
                (SELECT max(generation) FROM uploads WHERE user_id = users.id AND status = 'succeeded')",
        )
        .await;
    assert_eq!(wrong, 0, "every user shows the newest generation that succeeded");
    let objects = system.objects().await;
    assert_eq!(objects.len(), USERS, "one picture for each user, nothing staged: {objects:?}");
    system.finish().await;
}
