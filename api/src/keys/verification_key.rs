//! One key, and the one algorithm that it is for.

use aws_lc_rs::{
    encoding::AsDer,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm},
};
use jsonwebtoken::{Algorithm, DecodingKey};
use std::sync::Arc;

/// Bits of an RSA key: NIST SP 800-131A allows no fewer, and the library checks no more.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a SubjectPublicKeyInfo of an uncompressed point of P-256 begins with (RFC 5480): there is one form only.
const P256_INFO: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// What that of an Ed25519 key begins with (RFC 8410).
const ED25519_INFO: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const UNKNOWN: &str = "isn't a well-formed public key of RSA, P-256 (with an uncompressed point) or Ed25519";

/// A key that checks signatures.
#[derive(Debug, Clone)]
pub struct VerificationKey {
    /// The algorithm of the tokens that it signs.
    pub algorithm: Algorithm,
    /// Its id (`kid`) in a key set.
    pub id: Option<Arc<str>>,
    /// The key as the library takes it.
    pub key: DecodingKey,
}

impl VerificationKey {
    const fn new(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self { algorithm, id: None, key }
    }

    /// A secret, for HS256.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self::new(Algorithm::HS256, DecodingKey::from_secret(secret))
    }

    /// A public key as a SubjectPublicKeyInfo, which is what `BEGIN PUBLIC KEY` holds.
    ///
    /// # Errors
    /// What is wrong with it, to follow its name.
    pub fn from_info(der: &[u8]) -> Result<Self, String> {
        if let Some(point) = der.strip_prefix(P256_INFO) {
            return Self::from_p256(point);
        }
        if let Some(point) = der.strip_prefix(ED25519_INFO) {
            return Self::from_ed25519(point);
        }
        let key = rsa::PublicKey::from_der(der).map_err(|_| UNKNOWN.to_owned())?;
        // The library reads other encodings too, and ignores what follows.
        let again = key.as_der().map_err(|_| UNKNOWN.to_owned())?;
        if again.as_ref() == der { Self::from_rsa(&key) } else { Err(UNKNOWN.to_owned()) }
    }

    /// An RSA key as an RSAPublicKey, which is what `BEGIN RSA PUBLIC KEY` holds.
    ///
    /// # Errors
    /// What is wrong with it, to follow its name.
    pub fn from_rsa_der(der: &[u8]) -> Result<Self, String> {
        let key = rsa::PublicKey::from_der(der).map_err(|_| UNKNOWN.to_owned())?;
        if key.as_ref() == der { Self::from_rsa(&key) } else { Err(UNKNOWN.to_owned()) }
    }

    /// An RSA key by its modulus and exponent.
    ///
    /// # Errors
    /// What is wrong with it, to follow its name.
    pub fn from_rsa_numbers(n: &[u8], e: &[u8]) -> Result<Self, String> {
        let info = rsa::PublicKeyComponents { n: without_zeros(n), e: without_zeros(e) }.as_der();
        Self::from_info(info.map_err(|_| UNKNOWN.to_owned())?.as_ref())
    }

    /// An uncompressed point of P-256.
    ///
    /// # Errors
    /// What is wrong with it, to follow its name.
    pub fn from_p256(point: &[u8]) -> Result<Self, String> {
        let fits = point.len() == 65 && point[0] == 4 && is_key(&ECDSA_P256_SHA256_FIXED, point);
        let key = fits.then(|| Self::new(Algorithm::ES256, DecodingKey::from_ec_der(point)));
        key.ok_or_else(|| UNKNOWN.to_owned())
    }

    /// A point of Ed25519.
    ///
    /// # Errors
    /// What is wrong with it, to follow its name.
    pub fn from_ed25519(point: &[u8]) -> Result<Self, String> {
        let fits = point.len() == 32 && is_key(&ED25519, point);
        let key = fits.then(|| Self::new(Algorithm::EdDSA, DecodingKey::from_ed_der(point)));
        key.ok_or_else(|| UNKNOWN.to_owned())
    }

    fn from_rsa(key: &rsa::PublicKey) -> Result<Self, String> {
        let modulus = key.modulus();
        let bytes = modulus.big_endian_without_leading_zero();
        let zeros = bytes.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = bytes.len() * 8 - zeros;
        if !RSA_BITS.contains(&bits) {
            let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
            return Err(format!("is an RSA key of {bits} bits: {least} to {most} are taken"));
        }
        Ok(Self::new(Algorithm::RS256, DecodingKey::from_rsa_der(key.as_ref())))
    }

    /// The algorithm's name, as a token's header has it.
    #[must_use]
    pub const fn algorithm_name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::HS256 => "HS256",
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            Algorithm::EdDSA => "EdDSA",
            // No key is made for another.
            _ => "none",
        }
    }
}

fn is_key(algorithm: &'static dyn VerificationAlgorithm, point: &[u8]) -> bool {
    UnparsedPublicKey::new(algorithm, point).parse().is_ok()
}

/// Some key sets write numbers with zeros in front, which the standard doesn't allow and everybody reads.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
        PublicKeyData, SignatureAlgorithm,
    };

    fn info(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
        KeyPair::generate_for(algorithm).unwrap().subject_public_key_info()
    }

    fn algorithm(der: &[u8]) -> Result<&'static str, String> {
        VerificationKey::from_info(der).map(|key| key.algorithm_name())
    }

    #[test]
    fn the_algorithm_follows_from_the_key() {
        assert_eq!(algorithm(&info(&PKCS_RSA_SHA256)), Ok("RS256"));
        assert_eq!(algorithm(&info(&PKCS_ECDSA_P256_SHA256)), Ok("ES256"));
        assert_eq!(algorithm(&info(&PKCS_ED25519)), Ok("EdDSA"));
        let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let key = VerificationKey::from_rsa_der(rsa.public_key_raw()).unwrap();
        assert_eq!(key.algorithm_name(), "RS256");
    }

    #[test]
    fn other_curves_damaged_keys_and_what_follows_a_key_are_refused() {
        assert!(algorithm(&info(&PKCS_ECDSA_P384_SHA384)).is_err());
        for kind in [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let good = info(kind);
            assert!(algorithm(&[&good[..], &[0]].concat()).is_err(), "trailing data");
            assert!(algorithm(&good[..good.len() - 1]).is_err(), "cut off");
        }
        let mut off_the_curve = info(&PKCS_ECDSA_P256_SHA256);
        off_the_curve[P256_INFO.len() + 1..].fill(0x11);
        assert!(algorithm(&off_the_curve).is_err());
        assert!(algorithm(&[]).is_err());
        assert!(VerificationKey::from_rsa_der(&info(&PKCS_RSA_SHA256)).is_err(), "it is of the other form");
    }

    #[test]
    fn an_rsa_key_has_2048_bits_or_more() {
        let number = |bits: usize| {
            let mut n = vec![0xC5; bits.div_ceil(8)];
            n[0] = if bits.is_multiple_of(8) { 0xC5 } else { (1 << (bits % 8)) - 1 };
            VerificationKey::from_rsa_numbers(&n, &[1, 0, 1])
        };
        assert!(number(2048).is_ok());
        let told = number(2047).unwrap_err();
        assert_eq!(told, "is an RSA key of 2047 bits: 2048 to 8192 are taken");
        assert!(number(1024).unwrap_err().starts_with("is an RSA key of 1024 bits"));
        let padded = [&[0, 0][..], &[0xC5; 256]].concat();
        assert!(VerificationKey::from_rsa_numbers(&padded, &[0, 1, 0, 1]).is_ok());
        assert!(VerificationKey::from_rsa_numbers(&[0xC5; 256], &[]).is_err());
        assert!(VerificationKey::from_rsa_numbers(&[0xC5; 256], &[2]).is_err(), "an even exponent");
    }
}
