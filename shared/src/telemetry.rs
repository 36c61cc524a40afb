//! Logs to standard error, and traces to a collector where one is configured.

use crate::config::{ConfigError, Settings};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

/// Ends the telemetry of a process: sends what is still held.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Why logs or traces can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A setting can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The collector's exporter can't be built.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT can't be used: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Another subscriber is installed already.
    #[error(transparent)]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the telemetry of a process.
///
/// # Errors
/// A setting can't be used.
pub fn start(settings: &Settings, service: &'static str) -> Result<Telemetry, TelemetryError> {
    let filter = settings.required("PFP_LOG")?;
    // What these report, we report better; a filter that names them wins.
    let filter = EnvFilter::try_new(format!(
        "lapin=off,rustls_platform_verifier=off,refinery_core=warn,tokio_postgres=warn,{filter}"
    ))
    .map_err(|error| ConfigError::BadValue {
        name: "PFP_LOG".to_owned(),
        value: settings.text("PFP_LOG").unwrap_or_default().to_owned(),
        expected: format!("a tracing filter such as info,pfp_worker=debug ({error})"),
    })?;
    let pretty = match settings.text("PFP_LOG_FORMAT") {
        Some(format) => format == "pretty",
        None => std::io::stderr().is_terminal(),
    };
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if pretty {
        let colours = std::io::stderr().is_terminal();
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(colours)
            .with_filter(filter)
            .boxed()
    } else {
        tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .with_filter(filter)
            .boxed()
    };
    let provider = settings
        .text("OTEL_EXPORTER_OTLP_ENDPOINT")
        .map(|endpoint| provider(endpoint, service))
        .transpose()?;
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("pfp"))
            .with_filter(EnvFilter::new("off,pfp_api=info,pfp_worker=info,pfp_shared=info"))
    });
    tracing_subscriber::registry().with(lines).with(spans).try_init()?;
    for name in settings.unknown_names() {
        tracing::warn!(name, "the environment sets a PFP_ name that isn't a setting");
    }
    Ok(Telemetry { provider })
}

fn provider(endpoint: &str, service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()?;
    Ok(SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(service).build())
        .with_batch_exporter(exporter)
        .build())
}

impl Telemetry {
    /// Sends what is still held. Blocks for as long as the collector takes, at most a few seconds.
    pub fn end(self) {
        if let Some(Err(error)) = self.provider.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last traces couldn't be sent");
        }
    }
}
