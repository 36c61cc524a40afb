//! What receiving an upload is made of, in the order in which a request meets it.
//!
//! - [`Declared`]: what can be refused before a byte of the body is read.
//! - [`Reservation`]: the row that names the staged object before it is put, and its lease.
//! - [`UploadMemory`]: how much memory it gets, and when.
//! - [`PacedBody`]: the body, which may not stall or trickle.
//! - [`receive`]: the form's parts or the raw bytes, into an [`IncomingFile`] that is checked while it flows and
//!   put by [`Staging`].

mod admission;
mod body_fault;
mod declared;
mod declared_type;
mod form;
mod incoming_file;
mod paced_body;
mod reservation;
mod segments;
mod staging;
mod window;

pub use admission::{Admission, UploadMemory};
pub use body_fault::BodyFault;
pub use declared::{Declared, Form};
pub use form::{Received, receive};
pub use incoming_file::{File, FileRules, IncomingFile};
pub use paced_body::{Pace, PacedBody};
pub(crate) use reservation::gone;
pub use reservation::{Reservation, Reserved};
pub use segments::Segments;
pub use staging::{Destination, MOST_HELD_OF_A_BODY, Put, Staging};

/// Bytes of a form beside its file: boundaries, headers, the crop, and parts that nobody asked for.
pub const FORM_OVERHEAD: u64 = 64 << 10;
