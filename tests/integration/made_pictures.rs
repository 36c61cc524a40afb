//! Every good picture comes out right.

use futures_util::{StreamExt, stream};
use pfp_tests::{pictures, servers::variable, system::Setup};
use std::{collections::BTreeMap, path::Path};

/// The mean difference to a full decode that no picture may pass, of 255.
const MOST: f64 = 6.0;

#[tokio::test(flavor = "multi_thread")]
async fn every_good_picture_comes_out_as_a_full_decode_would() {
    let system = Setup::new().workers(2).set("PFP_MAX_FILE_SIZE", "6MiB").start().await;
    let references = variable("PFP_TEST_MADE_REFERENCES");
    let made = pictures::manifest();
    let good = made.iter().filter(|picture| !picture.api && picture.expect == "picture");
    let outcomes: Vec<_> = stream::iter(good)
        .map(|picture| {
            let client = system.client(&picture.file);
            async move {
                let upload = client.upload_and_wait(pictures::bytes(&picture.file)).await;
                let bytes = if upload["status"] == "succeeded" { Some(client.picture().await) } else { None };
                (picture, upload, bytes)
            }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    assert!(outcomes.len() > 200, "{}", outcomes.len());
    let (mut wrong, mut alike) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
    for (picture, upload, bytes) in &outcomes {
        let Some(bytes) = bytes else {
            wrong.push(format!("{}: {upload}", picture.file));
            continue;
        };
        let made = image::load_from_memory(bytes).expect("a picture").to_rgba8();
        if made.dimensions() != (200, 200) {
            wrong.push(format!("{}: {:?}", picture.file, made.dimensions()));
            continue;
        }
        if picture.compare {
            let reference = image::open(Path::new(&references).join(format!("{}.png", picture.file)));
            let difference = pictures::mean_difference(&made, &reference.expect("a reference").to_rgba8());
            if difference > MOST {
                wrong.push(format!("{}: differs by {difference:.1}", picture.file));
            }
        }
        if let Some(group) = &picture.alike {
            alike.entry(group).or_default().push((&picture.file, made));
        }
    }
    for group in alike.values() {
        let (first, one) = &group[0];
        for (file, other) in &group[1..] {
            let difference = pictures::mean_difference(one, other);
            if difference > MOST {
                wrong.push(format!("{first} and {file} differ by {difference:.1}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), outcomes.len(), wrong.join("\n"));
    system.finish().await;
}
