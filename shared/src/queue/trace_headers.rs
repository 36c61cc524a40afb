//! The W3C trace context in a message's headers, so that a job's log lines join its request's.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};

const TRACEPARENT: &str = "traceparent";

/// The traceparent that a message carries.
#[must_use]
pub fn trace_context(properties: &BasicProperties) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(TRACEPARENT)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

pub(super) fn with_trace_context(properties: BasicProperties, traceparent: Option<&str>) -> BasicProperties {
    let Some(traceparent) = traceparent else { return properties };
    let mut headers = FieldTable::default();
    headers.insert(TRACEPARENT.into(), AMQPValue::LongString(traceparent.into()));
    properties.with_headers(headers)
}
