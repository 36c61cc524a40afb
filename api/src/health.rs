//! What operators ask: is the process up, can it be used, what are its numbers.

use crate::{
    keys::{SourceState, TOKEN_KEYS},
    state::AppState,
};
use axum::{
    Json,
    extract::State,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::IntoResponse,
};
use pfp_shared::dependencies::{Dependencies, Dependency};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Without these no upload can be taken. Without the broker it can: uploads wait in their rows, and taking the API out of
/// service would turn the broker's outage into everybody's.
const NEEDED: [Dependency; 2] = [Dependency::Database, Dependency::Storage];

const NO_STORE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// How the process is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `up`; of readiness: `ready`, `degraded` (the broker is out: uploads are taken and wait; or the key set of
    /// tokens is: the keys that are known are used), `unavailable` or `stopping`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Each dependency: `up` or `down`. Why one is down is in the log.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    dependencies: BTreeMap<&'static str, &'static str>,
}

/// The process is up.
#[utoipa::path(get, path = "/livez", tag = "operators", responses(
    (status = 200, description = "The process is up.", body = Health, example = json!({"status": "up"})),
    crate::openapi::OperatorsPage,
))]
pub async fn livez() -> impl IntoResponse {
    ([NO_STORE], Json(Health { status: "up", dependencies: BTreeMap::new() }))
}

/// Uploads can be taken and pictures served.
#[utoipa::path(get, path = "/readyz", tag = "operators", responses(
    (status = 200, description = "Usable.", body = Health,
        example = json!({"status": "ready", "dependencies": {"broker": "up", "database": "up", "storage": "up"}})),
    (status = 503, description = "Not usable: a dependency is out, or the process is being stopped.", body = Health,
        example = json!({"status": "unavailable", "dependencies": {"broker": "up", "database": "up", "storage": "down"}})),
    crate::openapi::OperatorsPage,
))]
pub async fn readyz(State(state): State<AppState>) -> impl IntoResponse {
    let stopping = state.stopping.is_cancelled();
    let (status, health) =
        readiness(&state.services.dependencies, state.tokens.keys().source_state(), stopping);
    (status, [NO_STORE], Json(health))
}

/// `key_set` is the source of the keys that tokens are checked with, where it may be out.
fn readiness(
    dependencies: &Dependencies,
    key_set: Option<SourceState>,
    stopping: bool,
) -> (StatusCode, Health) {
    let is_up = |dependency: Dependency| dependencies.trouble(dependency).is_none();
    let word = |is_up: bool| if is_up { "up" } else { "down" };
    let mut words =
        BTreeMap::from(Dependency::ALL.map(|dependency| (dependency.as_str(), word(is_up(dependency)))));
    words.extend(key_set.map(|source| (TOKEN_KEYS, word(source.is_up))));
    let has_keys = key_set.is_none_or(|source| source.has_keys);
    let (code, status) = if stopping {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if !NEEDED.into_iter().all(is_up) || !has_keys {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else if words.values().all(|word| *word == "up") {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::OK, "degraded")
    };
    (code, Health { status, dependencies: words })
}

/// The metrics, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operators", responses(
    (status = 200, description = "Metrics, in the text format of Prometheus. Not on this listener when PFP_METRICS_LISTEN is set.", content_type = "text/plain", body = String,
        example = json!("# HELP pfp_uploads_accepted_total Uploads answered with 202.\n# TYPE pfp_uploads_accepted_total counter\npfp_uploads_accepted_total 12\n")),
    crate::openapi::OperatorsPage,
))]
pub async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    state.upload_memory.show("pfp_upload_memory_bytes");
    state.picture_memory.show("pfp_picture_memory_bytes");
    state.tokens.keys().show();
    state.changes.show();
    ([(CONTENT_TYPE, text), NO_STORE], (state.render_metrics)())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_is_out_and_is_red_only_without_database_or_storage() {
        let dependencies = Dependencies::default();
        let told = |stopping| {
            let (code, health) = readiness(&dependencies, None, stopping);
            (code.as_u16(), health.status, health.dependencies["broker"])
        };
        assert_eq!(told(false), (503, "unavailable", "down"));
        dependencies.health(Dependency::Database).up();
        dependencies.health(Dependency::Storage).up();
        assert_eq!(told(false), (200, "degraded", "down"));
        dependencies.health(Dependency::Broker).up();
        assert_eq!(told(false), (200, "ready", "up"));
        assert_eq!(told(true), (503, "stopping", "up"));
        dependencies.health(Dependency::Storage).down("refused");
        assert_eq!(told(false), (503, "unavailable", "up"));
    }

    #[test]
    fn readiness_is_red_without_any_key_and_degraded_while_old_ones_are_used() {
        let dependencies = Dependencies::default();
        for dependency in Dependency::ALL {
            dependencies.health(dependency).up();
        }
        for (is_up, has_keys, expected) in [
            (false, false, (503, "unavailable", "down")),
            (false, true, (200, "degraded", "down")),
            (true, true, (200, "ready", "up")),
        ] {
            let (code, health) = readiness(&dependencies, Some(SourceState { is_up, has_keys }), false);
            assert_eq!((code.as_u16(), health.status, health.dependencies["token_keys"]), expected);
        }
        assert!(!readiness(&dependencies, None, false).1.dependencies.contains_key("token_keys"));
    }
}
