//! A PEM file of public keys. Several keys in it are for rotation: each may sign.

use super::{KeysError, VerificationKey};
use pem::Pem;
use std::{fs::File, io::Read, path::Path};

/// Bytes of the largest file that is read: many times what the most keys take.
const LARGEST: u64 = 64 << 10;

/// A token without a signature that fits costs a check with each key.
const MOST_KEYS: usize = 16;

/// Reads the keys.
pub(super) fn read(path: &Path) -> Result<Vec<VerificationKey>, KeysError> {
    let unusable = |reason: String| KeysError::File { path: path.display().to_string(), reason };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unusable(format!("it can't be read: {error}")))?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unusable(format!("it can't be read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(unusable(format!("it has more than {LARGEST} bytes")));
    }
    parse(&bytes).map_err(unusable)
}

/// The error says what is wrong without a word of what the file holds: it may be a private key.
fn parse(bytes: &[u8]) -> Result<Vec<VerificationKey>, String> {
    let begun = bytes.windows(11).filter(|window| window == b"-----BEGIN ").count();
    if begun == 0 {
        return Err("it holds no public key in PEM form".to_owned());
    }
    let sections = pem::parse_many(bytes).map_err(|_| "it isn't well-formed PEM".to_owned())?;
    // What breaks off is skipped in silence by the library.
    if sections.len() != begun {
        return Err("it isn't well-formed PEM".to_owned());
    }
    if begun > MOST_KEYS {
        return Err(format!("it holds {begun} keys; at most {MOST_KEYS} are taken"));
    }
    sections.iter().enumerate().map(|(index, section)| key(index + 1, section)).collect()
}

fn key(number: usize, section: &Pem) -> Result<VerificationKey, String> {
    let key = match section.tag() {
        "PUBLIC KEY" => VerificationKey::from_info(section.contents()),
        "RSA PUBLIC KEY" => VerificationKey::from_rsa_der(section.contents()),
        tag if tag.ends_with("PRIVATE KEY") => {
            Err("is a private key, which only the issuer of tokens may have: `openssl pkey -pubout` writes its public key".to_owned())
        }
        "CERTIFICATE" => {
            Err("is a certificate: `openssl x509 -pubkey -noout` writes its public key".to_owned())
        }
        _ => Err("isn't marked as a public key (BEGIN PUBLIC KEY or BEGIN RSA PUBLIC KEY)".to_owned()),
    };
    key.map_err(|reason| format!("its key {number} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, generate_simple_self_signed,
    };

    fn pair() -> KeyPair {
        KeyPair::generate_for(&PKCS_ED25519).unwrap()
    }

    fn refused(text: &str) -> String {
        parse(text.as_bytes()).map(|keys| keys.len()).unwrap_err()
    }

    #[test]
    fn every_key_of_a_file_counts_whatever_stands_between_them() {
        let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let pkcs1 = pem::encode(&Pem::new("RSA PUBLIC KEY", rsa.public_key_raw()));
        let text = format!(
            "# of this year\n{}\n{}# of the year before\n{pkcs1}{}",
            rsa.public_key_pem(),
            p256.public_key_pem(),
            pair().public_key_pem().replace('\n', "\r\n")
        );
        let names: Vec<_> =
            parse(text.as_bytes()).unwrap().iter().map(VerificationKey::algorithm_name).collect();
        assert_eq!(names, ["RS256", "ES256", "RS256", "EdDSA"]);
    }

    #[test]
    fn what_isnt_a_public_key_is_refused_by_its_number_and_not_shown() {
        let good = pair().public_key_pem();
        let private = pair().serialize_pem();
        let told = refused(&format!("{good}{private}"));
        assert!(told.starts_with("its key 2 is a private key"), "{told}");
        assert!(!told.contains(private.lines().nth(1).unwrap()));
        for tag in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            assert!(refused(&private.replace("PRIVATE KEY", tag)).starts_with("its key 1 is a private key"));
        }
        let certificate = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert.pem();
        assert!(refused(&certificate).starts_with("its key 1 is a certificate"));
        assert!(refused(&good.replace("PUBLIC KEY", "SECRET")).contains("isn't marked as a public key"));
        assert_eq!(refused(""), "it holds no public key in PEM form");
        assert_eq!(refused("0123456789abcdef0123456789abcdef"), "it holds no public key in PEM form");
        assert_eq!(refused(&good.repeat(17)), "it holds 17 keys; at most 16 are taken");
        let cut = &good[..good.len() - 10];
        for damaged in [cut.to_owned(), format!("{good}{cut}"), good.replace("MC", "M!")] {
            assert_eq!(refused(&damaged), "it isn't well-formed PEM", "{damaged}");
        }
    }

    #[test]
    fn a_file_that_isnt_there_or_is_too_large_is_named() {
        let told = read(Path::new("/nowhere/keys.pem")).unwrap_err().to_string();
        assert!(
            told.starts_with("PFP_JWT_PUBLIC_KEY=/nowhere/keys.pem can't be used: it can't be read"),
            "{told}"
        );
        let told = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(told.ends_with("it has more than 65536 bytes"), "{told}");
    }
}
