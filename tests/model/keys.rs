//! The keys of the bucket: a staged object for each upload, a picture for each claim.

use std::fmt;

/// Uploads of the one user.
pub(crate) const UPLOADS: u8 = 2;
/// Claims of an upload. A search makes one less: the last is for coming to rest.
pub(crate) const CLAIMS: u8 = 4;

/// An object's key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u8);

impl Key {
    pub(crate) const fn staged(upload: u8) -> Self {
        Self(upload)
    }

    /// The key of an upload's first, second, ... claim.
    pub(crate) const fn picture(upload: u8, claim: u8) -> Self {
        Self(UPLOADS + upload * CLAIMS + claim - 1)
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..UPLOADS * (1 + CLAIMS)).map(Self)
    }

    pub(crate) const fn is_staged(self) -> bool {
        self.0 < UPLOADS
    }

    /// Whose it is.
    pub(crate) const fn upload(self) -> u8 {
        if self.is_staged() { self.0 } else { (self.0 - UPLOADS) / CLAIMS }
    }

    /// The claim of a picture; 0: it is staged.
    pub(crate) const fn claim(self) -> u8 {
        if self.is_staged() { 0 } else { (self.0 - UPLOADS) % CLAIMS + 1 }
    }

    pub(crate) const fn index(self) -> u8 {
        self.0
    }
}

/// Some of the keys.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keys(u16);

impl Keys {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn has(self, key: Key) -> bool {
        self.0 & (1 << key.0) != 0
    }

    pub(crate) const fn add(&mut self, key: Key) {
        self.0 |= 1 << key.0;
    }

    pub(crate) const fn remove(&mut self, key: Key) {
        self.0 &= !(1 << key.0);
    }

    pub(crate) const fn remove_all(&mut self, others: Self) {
        self.0 &= !others.0;
    }

    pub(crate) const fn add_all(&mut self, others: Self) {
        self.0 |= others.0;
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Key> {
        Key::all().filter(move |key| self.has(*key))
    }

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.claim() {
            0 => write!(f, "staging/{}", self.upload()),
            claim => write!(f, "pictures/{}.{claim}", self.upload()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
