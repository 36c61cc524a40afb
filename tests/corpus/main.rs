//! Real pictures.
