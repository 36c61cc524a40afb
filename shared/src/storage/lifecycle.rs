//! The last line against leaks of staged bytes: the bucket's own rule, which deletes what everything else has missed.

use super::{STAGING_PREFIX, Storage, StorageError, signed::code_in};
use crate::config::StorageLocation;
use http::{Method, StatusCode};
use std::time::Duration;

/// Names our rule among the operator's own.
const RULE: &str = "pfp-staging";

/// How much longer than uploads are kept: a failed upload may be replayed until its row goes.
const LONGER: u64 = 2;

/// Days that parts of a large upload stay whose API died: no listing of objects shows them. MinIO leaves this out of the
/// rule, since it clears them by itself within a day, so it isn't asked for again where it is missing.
const PARTS: u64 = 1;

const DAY: u64 = 86_400;

impl Storage {
    /// Makes sure that the bucket deletes staged bytes two days after uploads of their age are forgotten, and parts of
    /// uploads that were never completed. The operator's
    /// own rules stay as they are. Returns whether anything had to be changed; nothing ever is in a folder, or where
    /// `PFP_S3_CREATE_BUCKET` says that the bucket isn't ours to set up.
    ///
    /// # Errors
    /// The store failed, or doesn't let us.
    pub async fn keep_staging_rule(&self, retention: Duration) -> Result<bool, StorageError> {
        let Some(rules) = self.rules().await? else { return Ok(false) };
        let Some(merged) = merged(&rules, retention) else { return Ok(false) };
        let (status, answer) = self.ask_about_bucket(Method::PUT, "?lifecycle=", merged).await?;
        if status.is_success() { Ok(true) } else { Err(refusal(status, &answer)) }
    }

    /// Whether the bucket has that rule, or needs none.
    ///
    /// # Errors
    /// The store failed, or doesn't tell us.
    pub async fn has_staging_rule(&self, retention: Duration) -> Result<bool, StorageError> {
        Ok(self.rules().await?.is_none_or(|rules| merged(&rules, retention).is_none()))
    }

    /// The bucket's rules as they are; none where they are none of our business.
    async fn rules(&self) -> Result<Option<String>, StorageError> {
        if !matches!(self.location, StorageLocation::S3 { create_bucket: true, .. }) {
            return Ok(None);
        }
        let (status, answer) = self.ask_about_bucket(Method::GET, "?lifecycle=", String::new()).await?;
        match (status, code_in(&answer)) {
            (StatusCode::NOT_FOUND, Some("NoSuchLifecycleConfiguration")) => Ok(Some(String::new())),
            (status, _) if status.is_success() => Ok(Some(answer)),
            _ => Err(refusal(status, &answer)),
        }
    }
}

fn refusal(status: StatusCode, answer: &str) -> StorageError {
    let text = format!("the bucket's lifecycle rules: {status} {}", code_in(answer).unwrap_or_default());
    match status.as_u16() {
        // A store that knows no such rules lets us as little as one where we may not set any.
        401 | 403 | 405 | 501 => StorageError::PermissionDenied(text),
        500.. => StorageError::Unavailable(text),
        _ => StorageError::Other(text),
    }
}

/// The rules with ours among them; nothing if they are so already.
fn merged(rules: &str, retention: Duration) -> Option<String> {
    let ours = format!(
        "<Rule><ID>{RULE}</ID><Filter><Prefix>{STAGING_PREFIX}/</Prefix></Filter><Status>Enabled</Status>\
         <Expiration><Days>{}</Days></Expiration>\
         <AbortIncompleteMultipartUpload><DaysAfterInitiation>{PARTS}</DaysAfterInitiation>\
         </AbortIncompleteMultipartUpload></Rule>",
        retention.as_secs().div_ceil(DAY) + LONGER
    );
    let (own, others): (Vec<_>, Vec<_>) =
        each_rule(rules).partition(|rule| text_of(rule, "ID") == Some(RULE));
    let is_right = |rule: &&str| {
        ["Prefix", "Status", "Days"].iter().all(|element| text_of(rule, element) == text_of(&ours, element))
    };
    if own.len() == 1 && own.iter().all(is_right) {
        return None;
    }
    let others = others.concat();
    Some(format!(
        "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{others}{ours}</LifecycleConfiguration>"
    ))
}

/// Each rule as it is written: S3 has no rule within a rule.
fn each_rule(rules: &str) -> impl Iterator<Item = &str> {
    let mut rest = rules;
    std::iter::from_fn(move || {
        let start = rest.find("<Rule>")?;
        let length = rest.get(start..)?.find("</Rule>")? + "</Rule>".len();
        let rule = rest.get(start..start + length)?;
        rest = rest.get(start + length..)?;
        Some(rule)
    })
}

fn text_of<'a>(rule: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = rule.split_once(&format!("<{element}>"))?;
    rest.split_once(&format!("</{element}>")).map(|(text, _)| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETENTION: Duration = Duration::from_secs(30 * DAY);

    #[test]
    fn a_bucket_without_rules_is_given_ours_and_then_left_alone() {
        let rules = merged("", RETENTION).unwrap();
        assert!(rules.contains("<Prefix>staging/</Prefix>") && rules.contains("<Days>32</Days>"), "{rules}");
        assert_eq!(merged(&rules, RETENTION), None);
        let tidied = rules.replace("<ID>", "\n  <ID>").replace("</Rule>", "</Rule>\n");
        assert_eq!(merged(&tidied, RETENTION), None, "however the server writes it");
    }

    #[test]
    fn the_operators_rules_stay_and_only_ours_is_changed() {
        let theirs = "<Rule><ID>logs</ID><Filter><And><Prefix>logs/</Prefix><Tag/></And></Filter><Status>Disabled</Status></Rule>";
        let rules =
            merged(&format!("<LifecycleConfiguration>{theirs}</LifecycleConfiguration>"), RETENTION).unwrap();
        assert!(rules.contains(theirs), "{rules}");
        let longer = merged(&rules, RETENTION * 2).unwrap();
        assert!(longer.contains(theirs) && longer.contains("<Days>62</Days>"), "{longer}");
        assert!(!longer.contains("<Days>32</Days>"), "{longer}");
    }

    #[test]
    fn a_rule_of_ours_that_was_switched_off_is_switched_on_again() {
        let rules = merged("", RETENTION).unwrap().replace("Enabled", "Disabled");
        assert!(merged(&rules, RETENTION).unwrap().contains("<Status>Enabled</Status>"));
    }
}
