//! Every user: the address against the key, the shown upload against the user, and the generations.

use super::{Examination, catalogue::Kind};
use pfp_shared::{
    queries::{self, CheckedUser, RightUrl},
    storage::PictureKey,
};

/// Compares them.
pub(super) async fn compare(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    let database = &examination.worker.services.database;
    let (page, mut after) = (examination.page, String::new());
    loop {
        let users = queries::checked_users(database, &after, page as i64).await?;
        examination.findings.users += users.len() as i64;
        let mut right = Vec::new();
        for user in &users {
            examination.highest = examination.highest.max(user.picture_generation);
            right.extend(url_amiss(examination, user));
            shown_upload_amiss(examination, user).await?;
        }
        if !right.is_empty() {
            queries::rewrite_urls(database, &right).await?;
        }
        match users.into_iter().nth(page - 1) {
            Some(last) => after = last.id,
            None => return Ok(()),
        }
    }
}

/// The address that a user should have, if it is to be repaired. What isn't a picture's key has none, and shows as a
/// picture that isn't there.
fn url_amiss(examination: &mut Examination<'_>, user: &CheckedUser) -> Option<RightUrl> {
    let url = match &user.picture_key {
        Some(key) => Some(PictureKey::parse(key)?.url(&examination.worker.config.public_url)),
        None => None,
    };
    if url == user.url {
        return None;
    }
    let or_null = |url: &Option<String>| url.clone().unwrap_or_else(|| "null".to_owned());
    let detail = format!("{} instead of {}", or_null(&user.url), or_null(&url));
    let repairs = examination.findings.found(Kind::UrlNotOfKey, &format!("user {}", user.id), &detail);
    repairs.then(|| RightUrl { user_id: user.id.clone(), picture_key: user.picture_key.clone(), url })
}

async fn shown_upload_amiss(examination: &mut Examination<'_>, user: &CheckedUser) -> anyhow::Result<()> {
    let (kind, detail) = if user.upload_differs {
        let key = user.picture_key.as_deref().unwrap_or("no picture");
        (Kind::ShownUpload, format!("shows {key}, which isn't that upload's"))
    } else if let Some(higher) = user.higher_generation {
        (Kind::GenerationTooLow, format!("{} below {higher}", user.picture_generation))
    } else {
        return Ok(());
    };
    if examination.findings.found(kind, &format!("user {}", user.id), &detail) {
        let database = &examination.worker.services.database;
        queries::mend_shown_upload(database, &user.id, user.picture_key.as_deref()).await?;
    }
    Ok(())
}
