//! The request of an upload: a form, or the bytes themselves.

use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Object, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

/// An upload as a form. The parts may come in any order; others are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct UploadForm {
    /// The picture, with a file name. Its content decides what it is.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What to keep of the picture.
    #[schema(nullable = false)]
    crop: Option<CropPart>,
}

/// A rectangle in pixels of the upright picture: what Cropper.js's `getData()` gives. Fractions are rounded and
/// other members ignored; what reaches beyond the picture is cut off.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the part in the OpenAPI document")]
#[schema(as = Crop)]
pub(super) struct CropPart {
    /// From the left edge.
    #[schema(minimum = 0)]
    x: f64,
    /// From the top edge.
    #[schema(minimum = 0)]
    y: f64,
    /// At least 1.
    #[schema(minimum = 1)]
    width: f64,
    /// At least 1.
    #[schema(minimum = 1)]
    height: f64,
}

/// A picture's bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the body in the OpenAPI document")]
pub struct PictureBytes(Vec<u8>);

/// What an upload's request may have beside its body.
pub struct UploadParameters;

impl IntoParams for UploadParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            text(
                ParameterIn::Query,
                "crop",
                "What to keep of the picture: `x,y,width,height` in pixels of the upright picture. A form's part `crop` goes before it.",
            ),
            text(
                ParameterIn::Header,
                "Idempotency-Key",
                "1 to 255 visible ASCII characters, kept for 24 hours per user: a request that is sent again with the same key, bytes and crop is the same upload.",
            ),
            text(
                ParameterIn::Header,
                "Prefer",
                "`wait=N` (RFC 7240): the answer is held for N seconds (at most 30) until the upload is final.",
            ),
            text(ParameterIn::Header, "X-Request-Id", "1 to 128 characters of `A-Z a-z 0-9 . _ -`."),
            text(
                ParameterIn::Header,
                "traceparent",
                "A W3C trace context; the upload's job belongs to this trace.",
            ),
        ]
    }
}

fn text(place: ParameterIn, name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(Object::with_type(Type::String)))
        .build()
}
