//! A folder in the bucket's place: the same whole path.

use pfp_tests::{pictures, servers::variable, system::Setup};
use std::path::{Path, PathBuf};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_does_what_a_bucket_does_and_nothing_is_left_over_in_it() {
    let name = format!("objects-{}", uuid::Uuid::new_v4().simple());
    let folder = PathBuf::from(variable("PFP_TEST_FOLDER")).join(name);
    let url = format!("file://{}", folder.display());
    let none = ["PFP_S3_ENDPOINT", "PFP_S3_ACCESS_KEY", "PFP_S3_SECRET_KEY"];
    let setup =
        none.iter().fold(Setup::new().set("PFP_STORAGE_URL", &url), |setup, name| setup.set(name, ""));
    let system = setup.start().await;
    let ada = system.client("ada");

    for (file, content_type) in [
        ("bench-170kb.jpg", "image/jpeg"),
        ("png-artwork-rgba.png", "image/png"),
        ("gif-still.gif", "image/gif"),
        ("bench-4mb.jpg", "image/jpeg"),
    ] {
        let upload = ada.upload_and_wait(pictures::bytes(file)).await;
        assert_eq!(
            (&upload["status"], &upload["content_type"]),
            (&"succeeded".into(), &content_type.into()),
            "{upload}"
        );
        let picture = ada.get(upload["picture_url"].as_str().unwrap()).await;
        assert_eq!((picture.status.as_u16(), picture.header("content-type")), (200, content_type), "{file}");
        let decoded = image::load_from_memory(&picture.bytes).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (200, 200), "{file}");
        system.quiet().await;
        assert_eq!(system.objects().await.len(), 1, "{file}: the picture before is gone, nothing is staged");
    }

    let orphan = folder.join("pictures/00000000000000000000000000000000.jpg");
    std::fs::write(&orphan, "nobody's").unwrap();
    let swept = system.worker_command(&["sweep"]);
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    system.quiet().await;
    assert!(!orphan.exists(), "what no row names is swept");

    let mut files = files_below(&folder);
    files.retain(|file| !file.contains("/.pfp/"));
    assert_eq!(files.len(), 1, "no half-written file is left over: {files:?}");
    system.finish().await;
    std::fs::remove_dir_all(folder).unwrap();
}

fn files_below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path.display().to_string()] })
        .collect()
}
