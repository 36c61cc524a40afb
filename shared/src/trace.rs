//! W3C trace contexts: read from a request, made where there is none, carried to the worker.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

impl TraceParent {
    /// Reads `00-{32 hex}-{16 hex}-{2 hex}`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.trim().split('-');
        let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let is_form = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
        if !is_form || version == "ff" || (version == "00" && fields.next().is_some()) {
            return None;
        }
        let parent = Self {
            trace: TraceId::from_hex(trace).ok()?,
            span: SpanId::from_hex(span).ok()?,
            flags: TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        };
        (parent.trace != TraceId::INVALID && parent.span != SpanId::INVALID).then_some(parent)
    }

    /// A new trace of its own.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            trace: TraceId::from_bytes(rand::random::<[u8; 16]>()),
            span: SpanId::from_bytes(rand::random::<[u8; 8]>()),
            flags: TraceFlags::SAMPLED,
        }
    }

    /// The trace's id, which log lines carry.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.trace.to_string()
    }

    /// The header's text.
    #[must_use]
    pub fn header(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace, self.span, self.flags.to_u8())
    }

    /// Makes a span a child of this one, for the collector if there is one.
    pub fn adopt(&self, span: &Span) {
        let remote = SpanContext::new(self.trace, self.span, self.flags, true, TraceState::default());
        // Fails only where no collector is configured, and then nobody asks.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote));
    }

    /// What to hand on from within a span: the span's own place in the trace when a collector sees it, else
    /// this one.
    #[must_use]
    pub fn within(self, span: &Span) -> Self {
        let context = span.context();
        let current = context.span().span_context().clone();
        if current.is_valid() {
            Self { trace: current.trace_id(), span: current.span_id(), flags: current.trace_flags() }
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_survives_being_read_and_written() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(TraceParent::parse(text).unwrap().header(), text);
        let made = TraceParent::generate();
        assert_eq!(TraceParent::parse(&made.header()), Some(made));
    }

    #[test]
    fn what_is_not_a_traceparent_is_ignored() {
        for text in [
            "",
            "00-0-0-0",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
            "00-zzf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }
}
