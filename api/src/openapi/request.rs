//! The request of an upload: a form, or the bytes themselves.

use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::ObjectBuilder,
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
        let crop = ObjectBuilder::new().schema_type(Type::String).pattern(Some(CROP));
        let key = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]{1,255}$"));
        let any = || ObjectBuilder::new().schema_type(Type::String);
        vec![
            parameter(
                ParameterIn::Query,
                "crop",
                "What to keep of the picture: `x,y,width,height` in pixels of the upright picture. A form's part `crop` goes before it.",
                crop,
                Some("120,80,640,640"),
            ),
            parameter(
                ParameterIn::Header,
                "Idempotency-Key",
                "1 to 255 visible ASCII characters, kept for 24 hours per user: a request that is sent again with the same key, bytes and crop is the same upload.",
                key,
                // One to be copied would soon stand for two files.
                None,
            ),
            parameter(
                ParameterIn::Header,
                "Prefer",
                "`wait=N` (RFC 7240): the answer is held for N seconds (at most 30) until the upload is final. What can't be read is ignored.",
                any(),
                Some("wait=10"),
            ),
            parameter(
                ParameterIn::Header,
                "X-Request-Id",
                "1 to 128 characters of `A-Z a-z 0-9 . _ -`; another one is replaced.",
                any(),
                Some("web-7f3a"),
            ),
            parameter(
                ParameterIn::Header,
                "traceparent",
                "A W3C trace context; the upload's job belongs to this trace. What can't be read is ignored.",
                any(),
                Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ),
        ]
    }
}

/// Four numbers, the last two from 1.
const CROP: &str = r"^[0-9]{1,9}(\.[0-9]{1,9})?,[0-9]{1,9}(\.[0-9]{1,9})?,[1-9][0-9]{0,8}(\.[0-9]{1,9})?,[1-9][0-9]{0,8}(\.[0-9]{1,9})?$";

fn parameter(
    place: ParameterIn,
    name: &str,
    description: &str,
    schema: ObjectBuilder,
    example: Option<&str>,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema.build()))
        .example(example.map(Into::into))
        .build()
}
