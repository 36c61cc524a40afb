//! What takes servers down.
