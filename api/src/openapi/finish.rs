//! What is done to the whole document.

use super::answer::text;
use crate::config::ApiConfig;
use url::Url;
use utoipa::{
    Modify,
    openapi::{
        self, RefOr, Response, Schema, Server, Type,
        path::{Operation, Parameter, PathItem},
        schema::{AdditionalProperties, SchemaType},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// How requests say whose they are.
pub(super) struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "Signed as the server is configured: HS256 with a secret, or RS256, ES256 or EdDSA (Ed25519) with a private key whose public one the server knows, by `kid` if it has them from a key set. The claims `sub` (the user's id, 1 to 255 characters) and `exp` are required; `nbf` is checked, and `iss` and `aud` where the server is told what they have to be. A header with `crit` is refused.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// A parameter that isn't needed is left out: `null` can't be sent.
pub(super) struct NoNullParameters;

impl Modify for NoNullParameters {
    fn modify(&self, document: &mut openapi::OpenApi) {
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            let Some(parameters) = &mut operation.parameters else { continue };
            parameters.iter_mut().for_each(without_null);
        }
    }
}

fn without_null(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else { return };
    if let SchemaType::Array(types) = &schema.schema_type
        && let Some(only) = types.iter().find(|kind| **kind != Type::Null)
    {
        schema.schema_type = SchemaType::Type(only.clone());
    }
}

/// Pictures answer HEAD as they do GET, without the body.
pub(super) struct HeadOfPictures;

impl Modify for HeadOfPictures {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let Some(item) = document.paths.paths.get_mut("/pictures/{key}") else { return };
        let Some(mut head) = item.get.clone() else { return };
        head.operation_id = Some("picture_head".to_owned());
        head.summary = Some("Whether a picture is there, and how large it is.".to_owned());
        for answer in answers(&mut head) {
            answer.content.clear();
        }
        item.head = Some(head);
    }
}

/// Objects in answers have the members that they name, and no others.
pub(super) struct ClosedAnswers;

impl Modify for ClosedAnswers {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for name in ["Upload", "Uploads", "User", "Problem", "Health"] {
            if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name) {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

/// The headers that every answer carries.
pub(super) struct HeadersOfAll;

impl Modify for HeadersOfAll {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let all = [
            ("X-Request-Id", "The request's id: the client's own, if it sent a sane one."),
            ("X-Content-Type-Options", "`nosniff`."),
            ("Cache-Control", "Who may keep the answer, and for how long; `no-store` of a problem."),
        ];
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            for answer in answers(operation) {
                for (name, description) in all {
                    answer.headers.entry(name.to_owned()).or_insert_with(|| text(description).into());
                }
            }
        }
    }
}

/// Without what these settings switch off, and where it is: on the document's own host, below the path that the public
/// URL has.
pub(super) fn served(
    mut document: openapi::OpenApi,
    config: &ApiConfig,
    public_url: &str,
) -> openapi::OpenApi {
    let path = Url::parse(public_url).map_or_else(|_| "/".to_owned(), |url| url.path().to_owned());
    document.servers = Some(vec![Server::new(path)]);
    if !config.public_user_pictures {
        document.paths.paths.remove("/users/{id}/picture");
    }
    if config.metrics_listen.is_some() {
        document.paths.paths.remove("/metrics");
    }
    document
}

fn answers(operation: &mut Operation) -> impl Iterator<Item = &mut Response> {
    operation.responses.responses.values_mut().filter_map(|answer| match answer {
        RefOr::T(answer) => Some(answer),
        RefOr::Ref(_) => None,
    })
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete, &mut item.head].into_iter().flatten()
}
