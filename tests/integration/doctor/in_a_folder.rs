//! A folder in the bucket's place: it is listed in no order, and compared all the same.

use super::{clean, doctor, photo};
use pfp_tests::{servers::variable, system::Setup};
use std::path::PathBuf;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_compared_as_a_bucket_is() {
    let name = format!("objects-{}", uuid::Uuid::new_v4().simple());
    let folder = PathBuf::from(variable("PFP_TEST_FOLDER")).join(name);
    let none = ["PFP_S3_ENDPOINT", "PFP_S3_ACCESS_KEY", "PFP_S3_SECRET_KEY"];
    let setup = Setup::new()
        .set("PFP_STORAGE_URL", &format!("file://{}", folder.display()))
        .set("PFP_JOB_LEASE", "2s");
    let mut system = none.iter().fold(setup, |setup, name| setup.set(name, "")).start().await;
    for user in ["ada", "bob", "carl", "dora", "emil"] {
        system.client(user).upload_and_wait(photo()).await;
    }
    system.quiet().await;
    system.listed().await;
    assert!(system.workers[0].terminate().await.success());
    assert_eq!(clean(&system).len(), 0);
    for number in 0..4 {
        std::fs::write(folder.join(format!("pictures/{number:032x}.jpg")), "nobody's").unwrap();
        std::fs::write(folder.join(format!("staging/{}", uuid::Uuid::new_v4())), "nobody's").unwrap();
    }
    let shown = "SELECT picture_key FROM users WHERE id = 'carl'";
    let key: String = system.database.rows(shown, &[]).await[0].get(0);
    std::fs::remove_file(folder.join(key)).unwrap();
    let expected = [("dangling_picture", 1), ("orphan_picture", 4), ("orphan_staged", 4)];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count)).into();
    assert_eq!(doctor(&system, &["--page", "2"]), (false, expected));
    let (ended_well, found) = doctor(&system, &["--repair"]);
    assert!(ended_well, "{found:?}");
    assert_eq!(system.objects().await, system.named_objects().await);
    system.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
