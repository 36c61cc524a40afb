//! The part of a picture that a client wants to keep.

use crate::failure::{Failure, FailureCode};
use serde::{Deserialize, Serialize};

/// A rectangle in pixels of the upright picture; it may reach beyond the picture, whose size isn't known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fractions")]
pub struct Crop {
    /// Distance from the left edge, from 0.
    pub x: u32,
    /// Distance from the top edge, from 0.
    pub y: u32,
    /// At least 1.
    pub width: u32,
    /// At least 1.
    pub height: u32,
}

/// What clients send: Cropper.js's `getData()` gives fractions of a pixel, and more members than these.
#[derive(Deserialize)]
struct Fractions {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Crop {
    /// Reads `{"x", "y", "width", "height"}`; other members are ignored.
    ///
    /// # Errors
    /// `crop_invalid` when it isn't such an object, has a negative corner or a zero side.
    pub fn parse_json(json: &str) -> Result<Self, Failure> {
        let fractions: Fractions = serde_json::from_str(json).map_err(|_| {
            invalid("The crop isn't a JSON object with the numbers x, y, width and height.".to_owned())
        })?;
        fractions.try_into()
    }

    /// Reads `x,y,width,height`.
    ///
    /// # Errors
    /// `crop_invalid` when it isn't four numbers, has a negative corner or a zero side.
    pub fn parse_query(query: &str) -> Result<Self, Failure> {
        let numbers: Vec<f64> = query
            .split(',')
            .map(|number| number.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|_| invalid("The crop isn't four numbers x,y,width,height.".to_owned()))?;
        let &[x, y, width, height] = numbers.as_slice() else {
            return Err(invalid(format!("The crop has {} numbers; it takes four.", numbers.len())));
        };
        Fractions { x, y, width, height }.try_into()
    }
}

impl TryFrom<Fractions> for Crop {
    type Error = Failure;

    fn try_from(crop: Fractions) -> Result<Self, Failure> {
        let Fractions { x, y, width, height } = crop;
        // Rounded first: -0.2 is a corner that a drag to the edge gives.
        let [x, y, width, height] = [x, y, width, height].map(f64::round);
        if ![x, y, width, height].into_iter().all(f64::is_finite) {
            return Err(invalid("The crop's numbers have to be finite.".to_owned()));
        }
        if x < 0.0 || y < 0.0 {
            return Err(invalid(format!("The crop's corner is {x},{y}; it can't be negative.")));
        }
        if width < 1.0 || height < 1.0 {
            return Err(invalid(format!(
                "The crop is {width} x {height} pixels; each side has to be at least 1."
            )));
        }
        Ok(Self { x: saturate(x), y: saturate(y), width: saturate(width), height: saturate(height) })
    }
}

/// No picture is anywhere near 2^32 pixels wide, so what is beyond is as good as the largest number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is a non-negative whole number and the cast saturates"
)]
fn saturate(number: f64) -> u32 {
    number as u32
}

fn invalid(detail: String) -> Failure {
    Failure::new(FailureCode::CropInvalid, detail)
}

impl std::fmt::Display for Crop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{},{}", self.x, self.y, self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_and_other_members_are_ignored() {
        let crop = Crop::parse_json(r#"{"x":1.4,"y":-0.3,"width":99.5,"height":2e2,"rotate":0}"#).unwrap();
        assert_eq!(crop, Crop { x: 1, y: 0, width: 100, height: 200 });
        assert_eq!(Crop::parse_query("1.4, 0,99.5,200").unwrap(), crop);
        let again: Crop = serde_json::from_value(serde_json::to_value(crop).unwrap()).unwrap();
        assert_eq!(again, crop);
    }

    #[test]
    fn what_is_not_a_rectangle_is_refused() {
        for json in [
            "",
            "[]",
            "[1,2,3,4]x",
            r#"{"x":0,"y":0,"width":1}"#,
            r#"{"x":"0","y":0,"width":1,"height":1}"#,
            r#"{"x":-1,"y":0,"width":1,"height":1}"#,
            r#"{"x":0,"y":0,"width":0.4,"height":1}"#,
            r#"{"x":0,"y":0,"width":1,"height":-5}"#,
        ] {
            assert_eq!(Crop::parse_json(json).unwrap_err().code, FailureCode::CropInvalid, "{json}");
        }
        for query in ["", "1,2,3", "1,2,3,4,5", "a,0,1,1", "0,0,NaN,1", "0,0,inf,1", "0,0,0,1", "-1,0,1,1"] {
            assert_eq!(Crop::parse_query(query).unwrap_err().code, FailureCode::CropInvalid, "{query}");
        }
    }

    #[test]
    fn a_number_beyond_any_picture_is_as_good_as_the_largest() {
        assert_eq!(Crop::parse_query("0,0,1e300,5").unwrap().width, u32::MAX);
    }
}
