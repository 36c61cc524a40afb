//! The way of an upload from the client to the user's new picture.

use pfp_tests::{pictures, system::Setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_phones_photo_becomes_the_users_picture_and_nothing_else_is_left() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let upload = ada.upload_and_wait(pictures::bytes("bench-4mb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    assert_eq!(upload["picture_url"], ada.me().await["profile_picture_url"]);
    let picture = image::load_from_memory(&ada.picture().await).unwrap();
    assert_eq!((picture.width(), picture.height()), (200, 200));
    assert_eq!(system.objects().await.len(), 1);

    let second = ada.upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(second["picture_url"], ada.me().await["profile_picture_url"]);
    assert_ne!(second["picture_url"], upload["picture_url"]);
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 1, "the first picture is gone from the bucket");
    system.finish().await;
}
