//! Settings that can't be right: a message that names the setting, readiness red, no crash.

use super::storage_is_out;
use pfp_tests::{
    bucket,
    chaos_store::{Fault, Operation},
    pictures,
    process::free_address,
    system::Setup,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn is_out(setup: Setup, why: &str) {
    let mut system = setup.prepare().await;
    system.start_api();
    system.start_worker();
    storage_is_out(&mut system, why).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_key_is_named() {
    let setup = Setup::new().set("PFP_S3_SECRET_KEY", "not-the-secret-key-of-this-store");
    is_out(setup, "check PFP_S3_SECRET_KEY").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_access_key_is_named() {
    is_out(Setup::new().set("PFP_S3_ACCESS_KEY", "nobody"), "check PFP_S3_ACCESS_KEY").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_named_too_where_the_bucket_may_not_be_created() {
    let setup = Setup::new().set("PFP_S3_CREATE_BUCKET", "false");
    let secret = setup.clone().set("PFP_S3_SECRET_KEY", "not-the-secret-key-of-this-store");
    is_out(secret, "check PFP_S3_SECRET_KEY").await;
    is_out(setup.set("PFP_S3_ACCESS_KEY", "nobody"), "check PFP_S3_ACCESS_KEY").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_where_nothing_listens_is_named() {
    let setup = Setup::new().set("PFP_S3_ENDPOINT", &format!("http://{}", free_address()));
    is_out(setup, "check PFP_S3_ENDPOINT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_some_other_web_server_is_named() {
    for status in ["404 Not Found", "200 OK", "405 Method Not Allowed"] {
        for create in ["true", "false"] {
            let setup = Setup::new().set("PFP_S3_ENDPOINT", &web_server(status).await);
            is_out(setup.set("PFP_S3_CREATE_BUCKET", create), "check PFP_S3_ENDPOINT").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_right_to_write_is_named_and_the_right_is_noticed_once_it_is_given() {
    let (setup, store) = Setup::new().on_chaos_store().await;
    let mut system = setup.prepare().await;
    bucket::make(&system.settings).await;
    store.break_all(Operation::MakeBucket, "", Fault::Refuse("AccessDenied"));
    store.break_all(Operation::Put, "", Fault::Refuse("AccessDenied"));
    system.start_api();
    system.start_worker();
    storage_is_out(&mut system, "the access key (PFP_S3_ACCESS_KEY) hasn't the rights").await;
    store.heal();
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    system.finish().await;
}

/// A web server that gives every request the same page.
async fn web_server(status: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let page = "<html><body>It works!</body></html>";
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                    page.len()
                );
                // Requests of a check are small: one read has all of it.
                let _ = stream.read(&mut [0; 16 << 10]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    endpoint
}
